import type { ServerResponse } from 'node:http';
import { RookeryError, type Cancel, type Clock } from '@rookery/core';

/** One server-sent event. */
export interface StreamEvent {
  /** What `addEventListener` of an EventSource waits for. */
  readonly event: string;
  /** Sent as one line of JSON. */
  readonly data: unknown;
  /** Comes back as `Last-Event-ID` when the client reconnects. */
  readonly id?: string | undefined;
}

/** Options of an {@link EventStream}. */
export interface EventStreamOptions {
  readonly clock: Clock;
  /** Connections at once; further ones are refused with 503. @default 256 */
  readonly maxClients?: number;
  /** Bytes a client may be behind before it is dropped; it reconnects. @default 1 MiB */
  readonly maxBacklog?: number;
  /** Time between two comments that keep idle connections open, in ms. @default 15,000 */
  readonly heartbeatMs?: number;
}

/** As many clients listen as the server holds. */
export class TooManyStreamsError extends RookeryError {
  override readonly code = 'RKY_PLATFORM_TOO_MANY_STREAMS';
  override readonly status = 503;
  override readonly title = 'Too many listeners';
  override readonly retryable = true;
  readonly headers: Readonly<Record<string, string>> = { 'retry-after': '5' };

  constructor(limit: number) {
    super(`${limit} clients listen already`);
  }
}

/**
 * Server-sent events to many clients (WHATWG HTML, section 9.2). Works on Node's response, because
 * what comes between would queue without bound for a client that reads slowly; here it is dropped
 * and comes back with its `Last-Event-ID`.
 */
export class EventStream {
  readonly #clients = new Set<ServerResponse>();
  readonly #clock: Clock;
  readonly #maxClients: number;
  readonly #maxBacklog: number;
  readonly #heartbeatMs: number;
  #cancelHeartbeat: Cancel | undefined;
  #closed = false;

  constructor(options: EventStreamOptions) {
    this.#clock = options.clock;
    this.#maxClients = options.maxClients ?? 256;
    this.#maxBacklog = options.maxBacklog ?? 1_048_576;
    this.#heartbeatMs = options.heartbeatMs ?? 15_000;
  }

  /** How many clients listen. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Takes over a response and sends events to it until either side ends.
   *
   * @param first what the client needs to begin, or has missed
   * @param headers of the answer, besides those of the protocol
   * @throws TooManyStreamsError at the limit, and after {@link close}
   */
  add(
    response: ServerResponse,
    first: readonly StreamEvent[] = [],
    headers: Readonly<Record<string, string>> = {},
  ): void {
    if (this.#closed || this.#clients.size >= this.#maxClients) {
      throw new TooManyStreamsError(this.#maxClients);
    }
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // Buffering proxies would hold events back.
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.#clients.add(response);
    const forget = (): void => {
      this.#clients.delete(response);
      if (this.#clients.size === 0) this.#stopHeartbeat();
    };
    response.once('close', forget);
    // A reset connection is the client's way to say goodbye.
    response.on('error', forget);
    this.#beat();
    for (const event of first) this.#write(response, format(event));
  }

  /** Sends an event to all clients. */
  send(event: StreamEvent): void {
    if (this.#clients.size === 0) return;
    const text = format(event);
    for (const client of this.#clients) this.#write(client, text);
  }

  /** Ends all connections and refuses new ones. */
  close(): void {
    this.#closed = true;
    this.#stopHeartbeat();
    for (const client of this.#clients) client.end();
    this.#clients.clear();
  }

  #write(client: ServerResponse, text: string): void {
    if (client.writableLength + text.length > this.#maxBacklog) {
      this.#clients.delete(client);
      client.destroy();
    } else client.write(text);
  }

  #beat(): void {
    this.#cancelHeartbeat ??= this.#clock.after(this.#heartbeatMs, () => {
      this.#cancelHeartbeat = undefined;
      for (const client of this.#clients) this.#write(client, ':\n\n');
      if (this.#clients.size > 0) this.#beat();
    });
  }

  #stopHeartbeat(): void {
    this.#cancelHeartbeat?.();
    this.#cancelHeartbeat = undefined;
  }
}

function format({ event, data, id }: StreamEvent): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
