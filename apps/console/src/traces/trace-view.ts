/** A span in Zipkin's v2 JSON, as far as the page uses it. Times in microseconds. */
export interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: string;
  readonly name: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint?: { readonly serviceName?: string };
  readonly tags?: Readonly<Record<string, string>>;
}

/** A row of the waterfall. Times in milliseconds. */
export interface SpanRow {
  readonly id: string;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  /** How far it is indented: number of spans around it. */
  readonly depth: number;
  /** From the start of the trace. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly error: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** A trace as the page shows it. */
export interface TraceView extends TraceSummary {
  readonly rows: readonly SpanRow[];
}

/** A trace in the list. */
export interface TraceSummary {
  readonly traceId: string;
  readonly name: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly spans: number;
  readonly services: readonly string[];
  readonly error: boolean;
}

const MAX_ROWS = 1_000;

/** Reads spans from an answer that anyone may have written; what is none is left out. */
export function parseSpans(answer: unknown): Span[] {
  const list: unknown[] = Array.isArray(answer) ? answer : [];
  return list.filter((item): item is Span => {
    const span = (item ?? {}) as Partial<Span>;
    return (
      typeof span.traceId === 'string' &&
      typeof span.id === 'string' &&
      typeof span.name === 'string' &&
      Number.isFinite(span.timestamp) &&
      Number.isFinite(span.duration)
    );
  });
}

/** What can be said of a trace without its rows; `undefined` when there are no spans. */
export function summarize(spans: readonly Span[]): TraceSummary | undefined {
  const [first] = [...spans].sort(byStart);
  if (first === undefined) return undefined;
  const ids = new Set(spans.map(({ id }) => id));
  const root = spans.find(({ parentId }) => parentId === undefined || !ids.has(parentId)) ?? first;
  const end = Math.max(...spans.map(({ timestamp, duration }) => timestamp + duration));
  return {
    traceId: first.traceId,
    name: `${serviceOf(root)}: ${root.name}`,
    startedAt: first.timestamp / 1_000,
    durationMs: (end - first.timestamp) / 1_000,
    spans: spans.length,
    services: [...new Set(spans.map(serviceOf))].sort(),
    error: spans.some(isError),
  };
}

/**
 * Lays a trace out as a tree in the order of time. Spans whose parent is not there, because it was
 * lost or is still running, stand at the top; a circle cannot trap it.
 */
export function layOut(received: readonly Span[]): TraceView | undefined {
  const spans = [...new Map(received.map((span) => [`${span.id}/${span.kind}`, span])).values()]
    .sort(byStart)
    .slice(0, MAX_ROWS);
  const summary = summarize(spans);
  if (summary === undefined) return undefined;
  const ids = new Set(spans.map(({ id }) => id));
  const children = new Map<string | undefined, Span[]>();
  for (const span of spans) {
    const parent =
      span.parentId !== undefined && span.parentId !== span.id && ids.has(span.parentId)
        ? span.parentId
        : undefined;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: SpanRow[] = [];
  const placed = new Set<Span>();
  const place = (span: Span, depth: number): void => {
    if (placed.has(span)) return;
    placed.add(span);
    rows.push(rowOf(span, depth, summary.startedAt));
    for (const child of children.get(span.id) ?? []) place(child, depth + 1);
  };
  for (const root of children.get(undefined) ?? []) place(root, 0);
  for (const span of spans) place(span, 0);
  return { ...summary, rows };
}

function rowOf(span: Span, depth: number, traceStart: number): SpanRow {
  return {
    id: span.id,
    service: serviceOf(span),
    name: span.name,
    kind: span.kind ?? 'INTERNAL',
    depth,
    startMs: span.timestamp / 1_000 - traceStart,
    durationMs: span.duration / 1_000,
    error: isError(span),
    tags: span.tags ?? {},
  };
}

const byStart = (a: Span, b: Span): number => a.timestamp - b.timestamp;
const serviceOf = ({ localEndpoint }: Span): string => localEndpoint?.serviceName ?? 'unknown';
const isError = ({ tags }: Span): boolean => tags?.['error'] !== undefined;
