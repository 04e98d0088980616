import { context, trace } from '@opentelemetry/api';
import { seededRandom } from '@rookery/core/testing';
import { SamplingDecision } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import { extractContext } from './propagation.js';
import { CallerOrRatioSampler } from './sampler.js';

const TRACE = '80f198ee56343ba864fe8b2a57d3eff7';
const SPAN = 'e457b5a2e4d86bd1';
const always = new CallerOrRatioSampler(1);
const never = new CallerOrRatioSampler(0);

const decide = (sampler: CallerOrRatioSampler, headers: Record<string, string>, id = TRACE) =>
  sampler.shouldSample(extractContext(headers), id).decision ===
  SamplingDecision.RECORD_AND_SAMPLED;

describe('who decides whether a trace is recorded', () => {
  it.each([
    ['traceparent', `00-${TRACE}-${SPAN}-01`, true],
    ['traceparent', `00-${TRACE}-${SPAN}-00`, false],
    ['b3', `${TRACE}-${SPAN}-1`, true],
    ['b3', `${TRACE}-${SPAN}-d`, true],
    ['b3', `${TRACE}-${SPAN}-0`, false],
    ['b3', '0', false],
    ['b3', '1', true],
  ])('the caller, with %s: %s', (name, value, recorded) => {
    expect(decide(always, { [name]: value })).toBe(recorded);
    expect(decide(never, { [name]: value })).toBe(recorded);
  });

  it('we, when the caller left it to us', () => {
    expect(decide(always, { b3: `${TRACE}-${SPAN}` })).toBe(true);
    expect(decide(never, { b3: `${TRACE}-${SPAN}` })).toBe(false);
    expect(decide(always, {})).toBe(true);
    expect(decide(never, {})).toBe(false);
  });

  it('the root, for all that follows in this process', () => {
    const deferred = extractContext({ b3: `${TRACE}-${SPAN}` });
    const child = trace.setSpanContext(deferred, {
      traceId: TRACE,
      spanId: 'a'.repeat(16),
      traceFlags: 1,
    });
    expect(never.shouldSample(child, TRACE).decision).toBe(SamplingDecision.RECORD_AND_SAMPLED);
  });

  it('records about the share that was asked for', () => {
    const random = seededRandom(7);
    const sampler = new CallerOrRatioSampler(0.1);
    let recorded = 0;
    for (let i = 0; i < 20_000; i++) {
      let id = '';
      while (id.length < 32)
        id += Math.floor(random() * 2 ** 32)
          .toString(16)
          .padStart(8, '0');
      const { decision } = sampler.shouldSample(context.active(), id);
      if (decision === SamplingDecision.RECORD_AND_SAMPLED) recorded++;
    }
    // Binomial, 20,000 at 0.1: the standard deviation is 42.
    expect(recorded).toBeGreaterThan(1_800);
    expect(recorded).toBeLessThan(2_200);
  });
});
