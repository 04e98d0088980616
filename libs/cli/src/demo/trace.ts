import type { RunState } from '../run/run-state.js';

interface ZipkinSpan {
  readonly id: string;
  readonly parentId?: string;
  readonly name?: string;
  readonly timestamp?: number;
  readonly duration?: number;
  readonly localEndpoint?: { readonly serviceName?: string };
}

const TIMEOUT_MS = 5_000;

/** The spans of a trace from every instance that has some, in order of their start. */
export async function traceOf(traceId: string, state: RunState): Promise<string[]> {
  const ports = new Set(state.processes.flatMap(({ app, port }) => (isApp(app) && port) || []));
  const bases = [...ports].map((port) => `http://127.0.0.1:${port}`);
  const parts = await Promise.all(bases.map((base) => spansAt(base, traceId)));
  const spans = parts.flat().sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0));
  const start = spans[0]?.timestamp ?? 0;
  return spans.map(({ name = '?', timestamp = start, duration = 0, localEndpoint }) => {
    const at = `+${((timestamp - start) / 1_000).toFixed(1)} ms`.padStart(11);
    const took = `${(duration / 1_000).toFixed(1)} ms`.padStart(10);
    return `${at} ${took}  ${(localEndpoint?.serviceName ?? '?').padEnd(12)} ${name}`;
  });
}

const isApp = (name: string): boolean => name !== 'postgres' && name !== 'kafka';

async function spansAt(base: string, traceId: string): Promise<ZipkinSpan[]> {
  try {
    const response = await fetch(`${base}/manage/traces/${traceId}`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return response.ok ? ((await response.json()) as ZipkinSpan[]) : [];
  } catch {
    // An instance that has just gone has no spans to show.
    return [];
  }
}
