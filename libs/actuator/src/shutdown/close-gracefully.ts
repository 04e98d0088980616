import type { Server, ServerResponse } from 'node:http';
import { systemClock, toMilliseconds, type Clock, type Duration } from '@rookery/core';

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

interface Tracked {
  readonly open: Set<ServerResponse>;
  closing: boolean;
}

const tracked = new WeakMap<Server, Tracked>();

/**
 * Keeps track of a server's open responses from now on, so that {@link closeGracefully} can tell
 * their callers to come back elsewhere. `ActuatorModule` does this for its app.
 */
export function trackResponses({ server }: HasServer): void {
  if (tracked.has(server)) return;
  const state: Tracked = { open: new Set(), closing: false };
  tracked.set(server, state);
  server.prependListener('request', (_request, response) => {
    if (state.closing) response.setHeader('connection', 'close');
    state.open.add(response);
    response.once('close', () => {
      state.open.delete(response);
      // A connection whose answer was begun before the close stays open, now idle.
      if (state.closing) setImmediate(() => server.closeIdleConnections());
    });
  });
}

/**
 * Work of the phase `server`: stops accepting connections, lets the requests in flight finish and
 * answers them with `Connection: close`, and cuts what is left after `limit` or when `signal`
 * aborts. Event streams end at once, since they would never finish; their clients reconnect
 * elsewhere. Resolves when no connection is open.
 */
export async function closeGracefully(
  { server }: HasServer,
  signal: AbortSignal,
  { limit = '10s', clock = systemClock }: CloseGracefullyOptions = {},
): Promise<void> {
  const state = tracked.get(server);
  if (state !== undefined) {
    state.closing = true;
    for (const response of state.open) endSoon(response);
  }
  const cut = (): void => server.closeAllConnections();
  const cancel = clock.after(toMilliseconds(limit), cut);
  signal.addEventListener('abort', cut, { once: true });
  try {
    // The only error is that the server did not listen, so it is closed already.
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    if (signal.aborted) cut();
    await closed;
  } finally {
    cancel();
    signal.removeEventListener('abort', cut);
  }
}

function endSoon(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
  else if (String(response.getHeader('content-type')).startsWith('text/event-stream')) {
    response.destroy();
  }
}
