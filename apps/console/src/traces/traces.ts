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
const PER_INSTANCE = 30;

/** Gathers traces: each instance keeps the spans it made itself. */
export class Traces {
  constructor(
    private readonly source: InstanceSource,
    private readonly client: InstanceClient,
  ) {}

  /** The newest traces of all instances, newest first. */
  async list(limit: number): Promise<TraceSummary[]> {
    const spans = await this.#gather(`/manage/traces?limit=${PER_INSTANCE}`);
    const traces = new Map<string, Span[]>();
    for (const span of spans) {
      const known = traces.get(span.traceId);
      if (known === undefined) traces.set(span.traceId, [span]);
      else known.push(span);
    }
    return [...traces.values()]
      .flatMap((each) => summarize(each) ?? [])
      .sort((a, b) => b.startedAt - a.startedAt)
      .slice(0, limit);
  }

  /** @throws NothingThereError when no instance has a span of it */
  async find(traceId: string): Promise<TraceView> {
    const trace = layOut(await this.#gather(`/manage/traces/${encodeURIComponent(traceId)}`));
    if (trace === undefined) throw new NothingThereError('no instance knows this trace');
    return trace;
  }

  /** Who has nothing, or is down, has nothing to add. */
  async #gather(path: string): Promise<Span[]> {
    const targets = this.source.services().flatMap((service) => this.source.instances(service));
    const answers = await Promise.allSettled(
      targets.map((target) => this.client.get(target, path, { authorize: true })),
    );
    return answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? parseSpans(answer.value) : [],
    );
  }
}
