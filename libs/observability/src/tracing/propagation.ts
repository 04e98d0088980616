import {
  createContextKey,
  isSpanContextValid,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type SpanContext,
} from '@opentelemetry/api';
import { TraceState, parseTraceParent } from '@opentelemetry/core';

/** Headers of a request or a message, names in lower case. */
export type CarrierHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * What the caller said of sampling where a {@link SpanContext} cannot: `accept` or `deny` without
 * ids, or ids with the decision left to us (`defer`).
 */
export type SamplingHint = 'accept' | 'deny' | 'defer';

const HINT = createContextKey('rookery.sampling-hint');

/** The caller's sampling hint in a context, if it gave one. */
export function samplingHint(context: Context): SamplingHint | undefined {
  return context.getValue(HINT) as SamplingHint | undefined;
}

interface Extracted {
  readonly spanContext?: SpanContext;
  readonly hint?: SamplingHint;
}

/**
 * The caller's trace: W3C `traceparent`, else `b3`, else `X-B3-*`. What is malformed is ignored, as
 * the specifications demand, and the next form is tried.
 */
export function extractContext(headers: CarrierHeaders): Context {
  const found = fromW3C(headers) ?? fromB3Single(headers) ?? fromB3Multi(headers);
  if (found === undefined) return ROOT_CONTEXT;
  let context = ROOT_CONTEXT;
  if (found.spanContext !== undefined) {
    context = trace.setSpanContext(context, { ...found.spanContext, isRemote: true });
  }
  return found.hint === undefined ? context : context.setValue(HINT, found.hint);
}

/** Writes a span's identity as `traceparent`, `tracestate` and `b3`. */
export function injectContext(context: Context, carrier: Record<string, string>): void {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isSpanContextValid(span)) return;
  const sampled = (span.traceFlags & TraceFlags.SAMPLED) !== 0;
  carrier['traceparent'] = `00-${span.traceId}-${span.spanId}-${sampled ? '01' : '00'}`;
  const state = span.traceState?.serialize();
  if (state) carrier['tracestate'] = state;
  carrier['b3'] = `${span.traceId}-${span.spanId}-${sampled ? '1' : '0'}`;
}

/** W3C Trace Context, level 1. */
function fromW3C(headers: CarrierHeaders): Extracted | undefined {
  const value = single(headers, 'traceparent');
  if (value === undefined) return undefined;
  const spanContext = parseTraceParent(value.trim());
  if (spanContext === null || !isSpanContextValid(spanContext)) return undefined;
  const state = all(headers, 'tracestate');
  return {
    spanContext: state === '' ? spanContext : { ...spanContext, traceState: new TraceState(state) },
  };
}

const B3_SINGLE = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/i;

/** The `b3` header of openzipkin/b3-propagation. */
function fromB3Single(headers: CarrierHeaders): Extracted | undefined {
  const value = single(headers, 'b3')?.trim();
  if (value === undefined) return undefined;
  if (value === '0') return { hint: 'deny' };
  if (value === '1' || value === 'd') return { hint: 'accept' };
  const match = B3_SINGLE.exec(value);
  return match === null ? undefined : b3(match[1]!, match[2]!, match[3]);
}

const TRACE_ID = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/i;
const SPAN_ID = /^[0-9a-f]{16}$/i;

/** The `X-B3-*` headers of openzipkin/b3-propagation. */
function fromB3Multi(headers: CarrierHeaders): Extracted | undefined {
  const debug = multi(headers, 'Flags') === '1';
  const sampled = multi(headers, 'Sampled')?.toLowerCase();
  const decision =
    debug || sampled === '1' || sampled === 'true'
      ? '1'
      : sampled === '0' || sampled === 'false'
        ? '0'
        : undefined;
  const traceId = multi(headers, 'TraceId');
  const spanId = multi(headers, 'SpanId');
  if (traceId === undefined || spanId === undefined) {
    return decision === undefined ? undefined : { hint: decision === '1' ? 'accept' : 'deny' };
  }
  return TRACE_ID.test(traceId) && SPAN_ID.test(spanId) ? b3(traceId, spanId, decision) : undefined;
}

function b3(traceId: string, spanId: string, decision: string | undefined): Extracted | undefined {
  const spanContext: SpanContext = {
    traceId: traceId.toLowerCase().padStart(32, '0'),
    spanId: spanId.toLowerCase(),
    traceFlags: decision === '1' || decision === 'd' ? TraceFlags.SAMPLED : TraceFlags.NONE,
  };
  if (!isSpanContextValid(spanContext)) return undefined;
  return decision === undefined ? { spanContext, hint: 'defer' } : { spanContext };
}

function single(headers: CarrierHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.length === 1 ? value[0] : undefined;
}

function all(headers: CarrierHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : (value?.join(',') ?? '');
}

/** Records keep the case of header names that HTTP folds. */
function multi(headers: CarrierHeaders, name: string): string | undefined {
  return single(headers, `x-b3-${name.toLowerCase()}`) ?? single(headers, `X-B3-${name}`);
}
