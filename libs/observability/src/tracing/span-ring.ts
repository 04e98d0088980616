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

  /** The kept spans of one trace, parents first. An id of 16 digits is padded to 32. */
  trace(traceId: string): ZipkinSpan[] {
    const id = traceId.toLowerCase().padStart(32, '0');
    return parentsFirst(this.#spans.filter((span) => span.traceId.padStart(32, '0') === id));
  }

  /** The newest traces, newest first, each with its kept spans, parents first. */
  traces(limit: number): ZipkinSpan[][] {
    const traces = new Map<string, ZipkinSpan[]>();
    for (let back = 1; back <= this.#spans.length; back++) {
      const span = this.#spans[(this.#next - back + this.size) % this.size];
      if (span === undefined) continue;
      const known = traces.get(span.traceId);
      if (known !== undefined) known.push(span);
      else if (traces.size < limit) traces.set(span.traceId, [span]);
    }
    return [...traces.values()].map((spans) => parentsFirst(spans.reverse()));
  }
}

/**
 * Each span, then what it caused, by start. Not by start alone: a child may share its parent's.
 */
function parentsFirst(spans: ZipkinSpan[]): ZipkinSpan[] {
  const ids = new Set(spans.map(({ id }) => id));
  const children = new Map<string, ZipkinSpan[]>();
  for (const span of spans.sort((a, b) => a.timestamp - b.timestamp)) {
    // A parent elsewhere, or forgotten already, makes this span a root of what is kept.
    const parent = span.parentId !== undefined && ids.has(span.parentId) ? span.parentId : '';
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [span]);
    else siblings.push(span);
  }
  const ordered: ZipkinSpan[] = [];
  const pending = [...(children.get('') ?? [])].reverse();
  for (let span = pending.pop(); span !== undefined; span = pending.pop()) {
    ordered.push(span);
    pending.push(...[...(children.get(span.id) ?? [])].reverse());
  }
  return ordered;
}
