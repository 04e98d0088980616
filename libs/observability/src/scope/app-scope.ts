import { AsyncLocalStorage } from 'node:async_hooks';
import { currentContext } from '@rookery/core';

const scope = new AsyncLocalStorage<string>();

/**
 * Runs `fn`, and all that it sets going (timers, sockets, promises), as part of one app. A host of
 * several apps starts each within its own scope, so that lines logged outside of any request still
 * name the right service.
 */
export function runAsApp<T>(app: string, fn: () => T): T {
  return scope.run(app, fn);
}

/** The app that the running code belongs to: of its request or message, else of its start. */
export function currentApp(): string | undefined {
  return currentContext()?.app ?? scope.getStore();
}
