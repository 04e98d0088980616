import { NothingThereError } from '../console.errors.js';
import type { InstanceSource } from '../fleet/fleet.js';
import type { InstanceClient } from '../fleet/instance-client.js';
import {
  layOut,
  parseSpans,
  summarize,
  type Span,
  type TraceSummary,
  type TraceView,
} from './trace-view.js';

/** Newest traces asked of each instance. */
const PER_INSTANCE = 100;

/** Gathers traces: each instance keeps the spans it made itself. */
export class Traces {
  constructor(
    private readonly source: InstanceSource,
    private readonly client: InstanceClient,
  ) {}

  /**
   * The newest traces of all instances, newest first. Only so far back as every instance told all
   * that it knows: further back there would be pieces that look like traces.
   */
  async list(limit: number): Promise<TraceSummary[]> {
    const answers = await this.#ask(`/manage/traces?limit=${PER_INSTANCE}`);
    const spans = new Map<string, Span[]>();
    let completeSince = 0;
    for (const answer of answers) {
      const traces = Array.isArray(answer) ? answer.map((trace) => parseSpans(trace)) : [];
      for (const trace of traces) {
        for (const span of trace) {
          const known = spans.get(span.traceId);
          if (known === undefined) spans.set(span.traceId, [span]);
          else known.push(span);
        }
      }
      if (traces.length < PER_INSTANCE) continue;
      const oldest = Math.min(...traces.flat().map(({ timestamp }) => timestamp));
      completeSince = Math.max(completeSince, oldest / 1_000);
    }
    return [...spans.values()]
      .flatMap((trace) => summarize(trace) ?? [])
      .filter(({ startedAt }) => startedAt >= completeSince)
      .sort((a, b) => b.startedAt - a.startedAt)
      .slice(0, limit);
  }

  /** @throws NothingThereError when no instance has a span of it */
  async find(traceId: string): Promise<TraceView> {
    const answers = await this.#ask(`/manage/traces/${encodeURIComponent(traceId)}`);
    const trace = layOut(answers.flatMap((answer) => parseSpans(answer)));
    if (trace === undefined) throw new NothingThereError('no instance knows this trace');
    return trace;
  }

  /** Who has nothing, or is down, has nothing to add. */
  async #ask(path: string): Promise<unknown[]> {
    const targets = this.source.services().flatMap((service) => this.source.instances(service));
    const answers = await Promise.allSettled(
      targets.map((target) => this.client.get(target, path, { authorize: true })),
    );
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }
}
