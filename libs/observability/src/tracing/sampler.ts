import { trace, TraceFlags, type Context } from '@opentelemetry/api';
import {
  SamplingDecision,
  TraceIdRatioBasedSampler,
  type Sampler,
  type SamplingResult,
} from '@opentelemetry/sdk-trace';
import { samplingHint } from './propagation.js';

/**
 * Follows the caller's decision; records a fixed share of the traces for which nobody has decided.
 * Beyond OpenTelemetry's ParentBasedSampler it knows B3's "ids, but you decide" and "do not
 * record", which carry no ids.
 */
export class CallerOrRatioSampler implements Sampler {
  readonly #ratio: TraceIdRatioBasedSampler;

  /** @param ratio share of undecided traces that are recorded, 0 to 1 */
  constructor(private readonly ratio: number) {
    this.#ratio = new TraceIdRatioBasedSampler(ratio);
  }

  shouldSample(context: Context, traceId: string): SamplingResult {
    const parent = trace.getSpanContext(context);
    const hint = samplingHint(context);
    if (parent === undefined) {
      if (hint === 'accept') return RECORD;
      if (hint === 'deny') return DROP;
      return this.#ratio.shouldSample(context, traceId);
    }
    // Local children see the same hint, but by then their parent has a decision.
    if (parent.isRemote === true && hint === 'defer') {
      return this.#ratio.shouldSample(context, traceId);
    }
    return (parent.traceFlags & TraceFlags.SAMPLED) === 0 ? DROP : RECORD;
  }

  toString(): string {
    return `CallerOrRatioSampler{${this.ratio}}`;
  }
}

const RECORD: SamplingResult = { decision: SamplingDecision.RECORD_AND_SAMPLED };
const DROP: SamplingResult = { decision: SamplingDecision.NOT_RECORD };
