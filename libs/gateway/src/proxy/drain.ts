import type { IncomingMessage } from 'node:http';
import type { Clock } from '@rookery/core';

/** How long the rest of a body that nobody wants is read. */
const LINGER_MS = 1_000;

/** Whether there is more of the request to come. */
export function isUnread({ complete, destroyed, headers }: IncomingMessage): boolean {
  if (complete || destroyed) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Reads the rest of a request and throws it away. Left unread it would block the connection: the
 * next request stands behind it. Gives up after a second, or when the client leaves.
 */
export function drain(request: IncomingMessage, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      request.off('end', finish).off('close', finish).off('error', finish);
      resolve();
    };
    const cancel = clock.after(LINGER_MS, finish);
    request.unpipe().on('end', finish).on('close', finish).on('error', finish).resume();
  });
}

/** Lets the connection of an answered request go on, or ends it when the client still sends. */
export async function settleConnection(request: IncomingMessage, clock: Clock): Promise<void> {
  if (!isUnread(request)) return;
  await drain(request, clock);
  if (!request.complete) request.destroy();
}
