import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ZipkinSpan } from '../tracing/zipkin-span.js';
import { zipkinSpans } from './zipkin-schema.js';

/** How a {@link ZipkinSink} treats posts. */
export type SinkMode = 'accept' | 'refuse' | 'hang';

/**
 * A server for Zipkin's `POST /api/v2/spans` that keeps what it is sent, for tests. Refuses with 400
 * whatever breaks the schema, as {@link violations} tells.
 */
export class ZipkinSink {
  /** All spans accepted so far. */
  readonly spans: ZipkinSpan[] = [];
  /** What was wrong with what was posted. */
  readonly violations: string[] = [];
  /** Requests received. */
  posts = 0;
  mode: SinkMode = 'accept';
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.posts++;
      this.#changed();
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        if (this.mode === 'hang') return;
        if (this.mode === 'refuse') response.statusCode = 503;
        else response.statusCode = this.#take(request.method, request.url, body) ? 202 : 400;
        response.end();
        this.#changed();
      });
    });
  }

  /** Starts on a free port of the loopback interface. */
  static async start(): Promise<ZipkinSink> {
    const sink = new ZipkinSink();
    await new Promise<void>((resolve) => sink.#server.listen(0, '127.0.0.1', resolve));
    return sink;
  }

  /** Where to post spans. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v2/spans`;
  }

  /** Resolves when `condition` holds; asks again whenever something was posted. */
  async until(condition: (sink: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(method: string | undefined, url: string | undefined, body: string): boolean {
    const result = zipkinSpans.safeParse(parse(body));
    if (method !== 'POST' || url !== '/api/v2/spans') this.violations.push(`${method} ${url}`);
    else if (!result.success) this.violations.push(result.error.message);
    else {
      this.spans.push(...(result.data as ZipkinSpan[]));
      return true;
    }
    return false;
  }

  #changed(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
