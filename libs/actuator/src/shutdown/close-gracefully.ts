import type { Server, ServerResponse } from 'node:http';
import {
  systemClock,
  toMilliseconds,
  type Clock,
  type Duration,
  type LifecycleHook,
} from '@rookery/core';

/** The part of a Fastify instance that is closed. */
export interface HasServer {
  readonly server: Server;
}

/** Options of {@link closeGracefully}. */
export interface CloseGracefullyOptions {
  /** How long requests in flight may take to finish; then they are cut. Default 10 s. */
  readonly limit?: Duration;
  readonly clock?: Clock;
}

/**
 * A hook for the phase `server`: stops accepting connections, lets the requests in flight finish and
 * answers them with `Connection: close`, and cuts what is left after `limit`. Event streams end at
 * once, since they would never finish; their clients reconnect elsewhere.
 *
 * Call it before the server listens: it keeps track of the open responses from then on.
 */
export function closeGracefully(
  { server }: HasServer,
  { limit = '10s', clock = systemClock }: CloseGracefullyOptions = {},
): LifecycleHook {
  const limitMs = toMilliseconds(limit);
  const open = new Set<ServerResponse>();
  let closing = false;
  server.prependListener('request', (_request, response) => {
    if (closing) response.setHeader('connection', 'close');
    open.add(response);
    response.once('close', () => {
      open.delete(response);
      // A connection whose answer was begun before the close stays open, now idle.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
  });
  return async (signal) => {
    closing = true;
    for (const response of open) endSoon(response);
    const cut = (): void => server.closeAllConnections();
    const cancel = clock.after(limitMs, cut);
    signal.addEventListener('abort', cut, { once: true });
    try {
      // The only error is that the server did not listen, so it is closed already.
      await new Promise<void>((resolve) => server.close(() => resolve()));
    } finally {
      cancel();
      signal.removeEventListener('abort', cut);
    }
  };
}

function endSoon(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
  else if (String(response.getHeader('content-type')).startsWith('text/event-stream')) {
    response.destroy();
  }
}
