import type { ZipkinSpan } from './zipkin-span.js';

/** The newest spans of a service, in memory: the oldest makes room for the next. */
export class SpanRing {
  readonly #spans: ZipkinSpan[] = [];
  #next = 0;

  /** @param size how many spans are kept */
  constructor(readonly size: number) {}

  /** Keeps a span. */
  accept(span: ZipkinSpan): void {
    this.#spans[this.#next] = span;
    this.#next = (this.#next + 1) % this.size;
  }

  /** The kept spans of one trace, by start. An id of 16 digits is padded to 32. */
  trace(traceId: string): ZipkinSpan[] {
    const id = traceId.toLowerCase().padStart(32, '0');
    return byStart(this.#spans.filter((span) => span.traceId.padStart(32, '0') === id));
  }

  /** The newest traces, newest first, each with its kept spans by start. */
  traces(limit: number): ZipkinSpan[][] {
    const traces = new Map<string, ZipkinSpan[]>();
    for (let back = 1; back <= this.#spans.length; back++) {
      const span = this.#spans[(this.#next - back + this.size) % this.size];
      if (span === undefined) continue;
      const known = traces.get(span.traceId);
      if (known !== undefined) known.push(span);
      else if (traces.size < limit) traces.set(span.traceId, [span]);
    }
    return [...traces.values()].map(byStart);
  }
}

function byStart(spans: ZipkinSpan[]): ZipkinSpan[] {
  return spans.sort((a, b) => a.timestamp - b.timestamp);
}
