import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<string>();

/** Runs `fn` as part of handling a message, so that what it publishes names its cause. */
export function whileHandling<T>(messageId: string, fn: () => T): T {
  return storage.run(messageId, fn);
}

/** The id of the message that is being handled. */
export function currentMessageId(): string | undefined {
  return storage.getStore();
}
