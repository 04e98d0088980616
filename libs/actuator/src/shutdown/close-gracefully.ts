import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
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
  /** Connections, each with how many of its requests are being answered. */
  readonly connections: Map<Socket, number>;
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
  const state: Tracked = { connections: new Map(), open: new Set(), closing: false };
  tracked.set(server, state);
  server.on('connection', (socket: Socket) => {
    state.connections.set(socket, 0);
    socket.once('close', () => state.connections.delete(socket));
  });
  server.prependListener('request', ({ socket }, response) => {
    if (state.closing) response.setHeader('connection', 'close');
    state.open.add(response);
    state.connections.set(socket, (state.connections.get(socket) ?? 0) + 1);
    response.once('close', () => {
      state.open.delete(response);
      const busy = state.connections.get(socket);
      if (busy === undefined) return;
      state.connections.set(socket, busy - 1);
      // A connection whose answer was begun before the close stays open, now idle.
      if (state.closing) setImmediate(() => closeIdle(state));
    });
  });
}

/**
 * Node counts a connection that has not sent anything yet as busy until its headers time out, and
 * clients that connect ahead of their requests have such ones.
 */
function closeIdle({ connections }: Tracked): void {
  for (const [socket, busy] of connections) if (busy === 0) socket.destroy();
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
    closeIdle(state);
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
