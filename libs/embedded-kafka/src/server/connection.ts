import type { Socket } from 'node:net';
import type { Credentials } from '../sasl/credentials.js';
import { SaslSession } from '../sasl/sasl-session.js';
import { FrameReader } from './frame-reader.js';
import type { RequestDispatcher } from './request-dispatcher.js';

/** Requests read ahead per connection; more wait in the socket. */
const MAX_QUEUED = 32;
/** Largest request before authentication, as Kafka's sasl.server.max.receive.size. */
const MAX_BYTES_OF_STRANGERS = 524_288;
/** Closed after this long without traffic, as Kafka's connections.max.idle.ms. */
const IDLE_MS = 600_000;

/** What a connection needs of its server. */
export interface ConnectionOptions {
  readonly dispatcher: RequestDispatcher;
  /** The virtual node it belongs to. */
  readonly node: number;
  /** Number of a new connection, unique in the cluster. */
  readonly nextConnection: () => number;
  /** Who may connect; everybody when absent. */
  readonly credentials?: Credentials | undefined;
  readonly maxRequestBytes: number;
  readonly log: (line: string) => void;
}

/**
 * One client's connection. Requests are handled one after the other, the next when the former is
 * answered, as in Kafka: clients rely on the order, and one that blocks itself behind a long poll
 * shall notice here rather than in production.
 */
export class Connection {
  readonly #gone = new AbortController();
  readonly #queue: Buffer[] = [];
  readonly #frames: FrameReader;
  readonly #peer: string;
  readonly #session: SaslSession;
  /** Unique in the cluster. */
  readonly id: number;
  /** What the client called itself in its first request. */
  clientId: string | undefined;
  #working = false;

  constructor(
    private readonly socket: Socket,
    private readonly options: ConnectionOptions,
  ) {
    this.#peer = `${socket.remoteAddress ?? ''}`;
    this.#session = new SaslSession(options.credentials);
    const { authenticated } = this.#session;
    this.#frames = new FrameReader(
      authenticated
        ? options.maxRequestBytes
        : Math.min(options.maxRequestBytes, MAX_BYTES_OF_STRANGERS),
    );
    this.id = options.nextConnection();
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // Resets are ordinary; 'close' follows in any case.
    socket.on('error', () => {});
    socket.on('close', () => this.#gone.abort());
    socket.setTimeout(IDLE_MS, () => {
      if (!this.#working) socket.destroy();
    });
  }

  close(): void {
    this.#gone.abort();
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      this.#queue.push(...this.#frames.push(chunk));
    } catch (error) {
      this.#reject(error);
      return;
    }
    if (this.#queue.length >= MAX_QUEUED) this.socket.pause();
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) {
        await this.#handle(frame);
        if (this.#gone.signal.aborted) return;
        if (this.socket.isPaused() && this.#queue.length < MAX_QUEUED) this.socket.resume();
      }
    } catch (error) {
      this.#reject(error);
    } finally {
      this.#working = false;
    }
  }

  async #handle(frame: Buffer): Promise<void> {
    if (this.#session.expectsToken) {
      this.#answerToken(frame);
      return;
    }
    const { signal } = this.#gone;
    const outcome = await this.options.dispatcher.dispatch(frame, {
      onClientId: (clientId) => (this.clientId ??= clientId),
      clientHost: this.#peer,
      node: this.options.node,
      connection: this.id,
      session: this.#session,
      signal,
    });
    if (outcome.kind === 'silence' || signal.aborted) return;
    if (outcome.kind === 'disconnect') {
      this.#reject(new Error(outcome.reason));
      return;
    }
    this.socket.cork();
    for (const chunk of outcome.frame) this.socket.write(chunk);
    this.socket.uncork();
    if (this.socket.writableNeedDrain) await this.#drained();
    if (this.#session.authenticated) this.#frames.maxBytes = this.options.maxRequestBytes;
    if (this.#session.rejected !== undefined) this.#dismiss(this.#session.rejected);
  }

  /** A step of an exchange without requests around it, where closing is the only way to refuse. */
  #answerToken(frame: Buffer): void {
    const { token } = this.#session.authenticate(frame);
    if (this.#session.rejected !== undefined) {
      this.#reject(new Error(this.#session.rejected));
      return;
    }
    if (this.#session.authenticated) this.#frames.maxBytes = this.options.maxRequestBytes;
    const length = Buffer.alloc(4);
    length.writeInt32BE(token.length);
    this.socket.write(Buffer.concat([length, token]));
  }

  /** Closes after what was written is sent: the client shall read why. */
  #dismiss(reason: string): void {
    this.options.log(`connection closed: ${reason}`);
    this.#gone.abort();
    this.socket.destroySoon();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.socket.off('drain', done);
        this.#gone.signal.removeEventListener('abort', done);
        resolve();
      };
      this.socket.on('drain', done);
      this.#gone.signal.addEventListener('abort', done);
    });
  }

  #reject(error: unknown): void {
    if (this.#gone.signal.aborted) return;
    this.options.log(`connection closed: ${(error as Error).message}`);
    this.close();
  }
}
