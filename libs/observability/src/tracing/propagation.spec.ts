import { context, trace, TraceFlags } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { extractContext, injectContext, samplingHint, type CarrierHeaders } from './propagation.js';

const TRACE = '80f198ee56343ba864fe8b2a57d3eff7';
const SPAN = 'e457b5a2e4d86bd1';
const PARENT = '05e3ac9a4f6e3b90';

function extract(headers: CarrierHeaders) {
  const extracted = extractContext(headers);
  const span = trace.getSpanContext(extracted);
  return {
    ids: span === undefined ? undefined : `${span.traceId}/${span.spanId}`,
    sampled: span === undefined ? undefined : (span.traceFlags & TraceFlags.SAMPLED) !== 0,
    hint: samplingHint(extracted),
    state: span?.traceState?.serialize(),
  };
}

describe('extracting W3C trace context', () => {
  it.each([
    // The example of the recommendation, section 3.2.
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00', false],
    // Unknown flags beside the sampled one.
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff', true],
    // A later version with more fields.
    ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future', true],
  ])('takes %s', (traceparent, sampled) => {
    expect(extract({ traceparent })).toMatchObject({
      ids: '4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7',
      sampled,
      hint: undefined,
    });
  });

  it.each([
    ['all zero trace', '00-00000000000000000000000000000000-00f067aa0ba902b7-01'],
    ['all zero span', '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01'],
    ['version ff', 'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
    ['upper case', '00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01'],
    ['version 00 with more fields', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x'],
    ['short ids', '00-4bf92f35-00f067aa-01'],
    ['two headers joined', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01, 00-4bf9'],
    ['empty', ''],
  ])('ignores %s', (_why, traceparent) => {
    expect(extract({ traceparent }).ids).toBeUndefined();
  });

  it('keeps tracestate, from one header or several', () => {
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    expect(extract({ traceparent, tracestate: 'rojo=1,congo=2' }).state).toBe('rojo=1,congo=2');
    expect(extract({ traceparent, tracestate: ['rojo=1', 'congo=2'] }).state).toBe(
      'rojo=1,congo=2',
    );
    expect(extract({ tracestate: 'rojo=1' }).ids).toBeUndefined();
  });
});

describe('extracting B3', () => {
  // The examples of openzipkin/b3-propagation.
  it.each<[string, CarrierHeaders, ReturnType<typeof extract>]>([
    [
      'accept with a parent',
      { b3: `${TRACE}-${SPAN}-1-${PARENT}` },
      { ids: `${TRACE}/${SPAN}`, sampled: true, hint: undefined, state: undefined },
    ],
    [
      'deny with ids',
      { b3: `${TRACE}-${SPAN}-0` },
      { ids: `${TRACE}/${SPAN}`, sampled: false, hint: undefined, state: undefined },
    ],
    [
      'debug',
      { b3: `${TRACE}-${SPAN}-d` },
      { ids: `${TRACE}/${SPAN}`, sampled: true, hint: undefined, state: undefined },
    ],
    [
      'defer',
      { b3: `${TRACE}-${SPAN}` },
      { ids: `${TRACE}/${SPAN}`, sampled: false, hint: 'defer', state: undefined },
    ],
    [
      'a trace of 64 bits',
      { b3: `64fe8b2a57d3eff7-${SPAN}-1` },
      {
        ids: `000000000000000064fe8b2a57d3eff7/${SPAN}`,
        sampled: true,
        hint: undefined,
        state: undefined,
      },
    ],
    [
      'deny alone',
      { b3: '0' },
      { ids: undefined, sampled: undefined, hint: 'deny', state: undefined },
    ],
    [
      'accept alone',
      { b3: '1' },
      { ids: undefined, sampled: undefined, hint: 'accept', state: undefined },
    ],
    [
      'several headers',
      {
        'x-b3-traceid': '463ac35c9f6413ad48485a3953bb6124',
        'x-b3-spanid': 'a2fb4a1d1a96d312',
        'x-b3-parentspanid': '0020000000000001',
        'x-b3-sampled': '1',
      },
      {
        ids: '463ac35c9f6413ad48485a3953bb6124/a2fb4a1d1a96d312',
        sampled: true,
        hint: undefined,
        state: undefined,
      },
    ],
    [
      'several headers in their canonical case, as records keep it',
      { 'X-B3-TraceId': TRACE, 'X-B3-SpanId': SPAN, 'X-B3-Sampled': 'false' },
      { ids: `${TRACE}/${SPAN}`, sampled: false, hint: undefined, state: undefined },
    ],
    [
      'the debug flag',
      { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-flags': '1' },
      { ids: `${TRACE}/${SPAN}`, sampled: true, hint: undefined, state: undefined },
    ],
    [
      'ids without decision',
      { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN },
      { ids: `${TRACE}/${SPAN}`, sampled: false, hint: 'defer', state: undefined },
    ],
    [
      'a decision without ids',
      { 'x-b3-sampled': '0' },
      { ids: undefined, sampled: undefined, hint: 'deny', state: undefined },
    ],
  ])('understands %s', (_what, headers, expected) => {
    expect(extract(headers)).toEqual(expected);
  });

  it.each([
    ['rubbish', 'hello'],
    ['zero ids', `${'0'.repeat(32)}-${'0'.repeat(16)}-1`],
    ['a trace of 24 digits', `${TRACE.slice(8)}-${SPAN}-1`],
    ['an unknown decision', `${TRACE}-${SPAN}-7`],
  ])('ignores %s', (_why, b3) => {
    expect(extract({ b3 })).toMatchObject({ ids: undefined, hint: undefined });
  });

  it('prefers W3C to the single header, and the single header to several', () => {
    const w3c = { traceparent: `00-${TRACE}-${'a'.repeat(16)}-01` };
    const single = { b3: `${TRACE}-${'b'.repeat(16)}-1` };
    const multi = { 'x-b3-traceid': TRACE, 'x-b3-spanid': 'c'.repeat(16), 'x-b3-sampled': '1' };
    expect(extract({ ...w3c, ...single, ...multi }).ids).toBe(`${TRACE}/${'a'.repeat(16)}`);
    expect(extract({ ...single, ...multi }).ids).toBe(`${TRACE}/${'b'.repeat(16)}`);
    expect(extract({ traceparent: 'broken', ...multi }).ids).toBe(`${TRACE}/${'c'.repeat(16)}`);
  });
});

describe('injecting', () => {
  it('writes W3C and b3 that lead back to the same span', () => {
    const original = extractContext({
      traceparent: `00-${TRACE}-${SPAN}-01`,
      tracestate: 'rojo=1',
    });
    const carrier: Record<string, string> = {};
    injectContext(original, carrier);
    expect(carrier).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-01`,
      tracestate: 'rojo=1',
      b3: `${TRACE}-${SPAN}-1`,
    });
    expect(extract({ b3: carrier['b3'] }).ids).toBe(`${TRACE}/${SPAN}`);
  });

  it('passes a refusal on', () => {
    const carrier: Record<string, string> = {};
    injectContext(extractContext({ b3: `${TRACE}-${SPAN}-0` }), carrier);
    expect(carrier).toEqual({ traceparent: `00-${TRACE}-${SPAN}-00`, b3: `${TRACE}-${SPAN}-0` });
  });

  it('writes nothing outside of a trace', () => {
    const carrier: Record<string, string> = {};
    injectContext(context.active(), carrier);
    expect(carrier).toEqual({});
  });
});
