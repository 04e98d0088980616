import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { backoffDelay, systemRandom, type Cancel, type Clock } from '@rookery/core';
import type { SpanSink } from './span-pipeline.js';
import type { ZipkinSpan } from './zipkin-span.js';

/** Options of {@link ZipkinReporter}. */
export interface ZipkinReporterOptions {
  /** Where spans are posted, for example `http://zipkin:9411/api/v2/spans`. */
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly maxQueued: number;
  readonly clock: Clock;
  /** Told when the sink fails after it worked, and when it works again. */
  readonly onStateChange?: (error: Error | undefined) => void;
}

/** What became of the spans. */
export interface ZipkinReporterTotals {
  readonly sent: number;
  readonly dropped: number;
  readonly failures: number;
}

const MAX_BATCH_SPANS = 512;
/** Zipkin's own reporters default to this size of a message. */
const MAX_BATCH_BYTES = 500_000;
const BACKOFF = { initialMs: 1_000, maxMs: 30_000, spread: [1, 1] } as const;

/**
 * Posts spans to Zipkin's `POST /api/v2/spans`. Never in the way of the service: spans wait in a
 * bounded queue, one post is under way at a time, each with a time limit; what does not fit or
 * cannot be sent is dropped and counted. After a failure it waits, 1 s doubling up to 30 s.
 */
export class ZipkinReporter implements SpanSink {
  readonly #url: URL;
  readonly #agent: HttpAgent;
  readonly #queue: ZipkinSpan[] = [];
  #timer: Cancel | undefined;
  #posting: Promise<void> | undefined;
  #failedInARow = 0;
  #closed = false;
  #sent = 0;
  #dropped = 0;
  #failures = 0;

  constructor(private readonly options: ZipkinReporterOptions) {
    this.#url = new URL(options.endpoint);
    const agentOptions = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 };
    this.#agent =
      this.#url.protocol === 'https:' ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  }

  /** Spans sent, spans dropped and posts failed since the start. */
  get totals(): ZipkinReporterTotals {
    return { sent: this.#sent, dropped: this.#dropped, failures: this.#failures };
  }

  /** Spans waiting to be sent. */
  get queued(): number {
    return this.#queue.length;
  }

  accept(span: ZipkinSpan): void {
    if (this.#closed || this.#queue.length >= this.options.maxQueued) {
      this.#dropped++;
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length >= MAX_BATCH_SPANS && this.#failedInARow === 0) void this.#post();
    else this.#schedule();
  }

  /** Sends what waits, as far as `signal` allows, and releases the connection. */
  async close(signal?: AbortSignal): Promise<void> {
    this.#closed = true;
    this.#timer?.();
    const abort = (): void => this.#agent.destroy();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#posting;
      // Once, not until it works: a sink that is down must not hold up the shutdown.
      while (this.#queue.length > 0 && signal?.aborted !== true) {
        const failures = this.#failures;
        await this.#post();
        if (this.#failures > failures) break;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#dropped += this.#queue.length;
      this.#queue.length = 0;
      this.#agent.destroy();
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#posting !== undefined || this.#closed) return;
    const backoff =
      this.#failedInARow === 0 ? 0 : backoffDelay(this.#failedInARow, BACKOFF, systemRandom);
    this.#timer = this.options.clock.after(Math.max(this.options.intervalMs, backoff), () => {
      this.#timer = undefined;
      void this.#post();
    });
  }

  #post(): Promise<void> {
    this.#posting ??= this.#postBatch().finally(() => {
      this.#posting = undefined;
      if (this.#queue.length > 0) this.#schedule();
    });
    return this.#posting;
  }

  async #postBatch(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    const [body, count] = this.#takeBatch();
    if (count === 0) return;
    try {
      await this.#send(body);
      this.#sent += count;
      if (this.#failedInARow > 0) this.options.onStateChange?.(undefined);
      this.#failedInARow = 0;
    } catch (error) {
      this.#dropped += count;
      this.#failures++;
      if (this.#failedInARow++ === 0) this.options.onStateChange?.(error as Error);
    }
  }

  #takeBatch(): [body: string, count: number] {
    const parts: string[] = [];
    let bytes = 2;
    for (const span of this.#queue) {
      const json = JSON.stringify(span);
      bytes += Buffer.byteLength(json) + 1;
      if (parts.length > 0 && (bytes > MAX_BATCH_BYTES || parts.length >= MAX_BATCH_SPANS)) break;
      parts.push(json);
    }
    this.#queue.splice(0, parts.length);
    return [`[${parts.join(',')}]`, parts.length];
  }

  #send(body: string): Promise<void> {
    const { clock, timeoutMs } = this.options;
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        cancel();
        if (error === undefined) resolve();
        else reject(error);
      };
      const post = send(
        this.#url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        (response) => {
          const { statusCode = 0 } = response;
          const accepted = statusCode >= 200 && statusCode < 300;
          response.resume();
          response.on('error', settle);
          response.on('end', () =>
            settle(accepted ? undefined : new Error(`the sink answered ${statusCode}`)),
          );
        },
      );
      const cancel = clock.after(timeoutMs, () =>
        post.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      );
      post.on('error', settle);
      post.end(body);
    });
  }
}
