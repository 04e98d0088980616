import {
  context as otelContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { TracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace';
import { systemClock, type Clock } from '@rookery/core';
import { extractContext, injectContext, samplingHint, type CarrierHeaders } from './propagation.js';
import { CallerOrRatioSampler } from './sampler.js';
import { spanTime } from './span-clock.js';
import { SpanPipeline, type SpanSink } from './span-pipeline.js';
import { SpanRing } from './span-ring.js';
import { ZipkinReporter } from './zipkin-reporter.js';

/** A place in a trace: what was extracted from headers, or captured for later. */
export interface TraceCarrier {
  readonly context: Context;
}

/** The side of a call that a span is. */
export type TraceKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

/** Options of a span. */
export interface SpanOptions {
  /** Default `internal`. */
  readonly kind?: TraceKind;
  /** A function is called only if the span is recorded. */
  readonly attributes?: Attributes | (() => Attributes);
  /** The span's parent. Default: the running span. */
  readonly parent?: TraceCarrier;
  /** Other traces that this work belongs to without being their child. */
  readonly links?: readonly TraceCarrier[];
}

/** A span whose end is up to the caller. */
export interface StartedSpan extends TraceCarrier {
  readonly span: Span;
  readonly traceId: string;
  /** Runs `fn` with this span as the running one. */
  run<T>(fn: () => T): T;
  /** Marks the span as failed. */
  fail(error: unknown): void;
  end(): void;
}

/** Options of {@link Tracing}. */
export interface TracingOptions {
  readonly app: string;
  readonly instance: string;
  readonly version?: string | undefined;
  /** Share of undecided traces that are recorded, 0 to 1. Default 1. */
  readonly sampling?: number;
  /** Spans kept in memory; 0 (default) keeps none. */
  readonly ringSize?: number;
  readonly zipkin?: {
    readonly endpoint: string;
    readonly timeoutMs?: number;
    readonly intervalMs?: number;
    readonly maxQueued?: number;
  };
  /** Further processors of OpenTelemetry, for other exporters. */
  readonly spanProcessors?: readonly SpanProcessor[];
  readonly clock?: Clock;
  /** Told when the Zipkin sink fails after it worked, and (`undefined`) when it works again. */
  readonly onSinkStateChange?: (error: Error | undefined) => void;
}

const KINDS: Record<TraceKind, SpanKind> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/**
 * The tracer of one app, on OpenTelemetry's SDK. Each app has its own provider; only the context
 * manager, which follows asynchronous calls, is shared by the process.
 */
export class Tracing {
  /** The newest spans, when they are kept. */
  readonly ring: SpanRing | undefined;
  /** The sender to Zipkin, when there is one. */
  readonly reporter: ZipkinReporter | undefined;
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;

  constructor(options: TracingOptions) {
    followAsyncCalls();
    const { app, instance, version, clock = systemClock } = options;
    const sinks: SpanSink[] = [];
    if (options.ringSize) sinks.push((this.ring = new SpanRing(options.ringSize)));
    if (options.zipkin !== undefined) {
      const {
        endpoint,
        timeoutMs = 10_000,
        intervalMs = 1_000,
        maxQueued = 4_000,
      } = options.zipkin;
      const { onSinkStateChange: onStateChange } = options;
      this.reporter = new ZipkinReporter({
        endpoint,
        timeoutMs,
        intervalMs,
        maxQueued,
        clock,
        ...(onStateChange === undefined ? {} : { onStateChange }),
      });
      sinks.push(this.reporter);
    }
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        'service.name': app,
        'service.instance.id': instance,
        ...(version === undefined ? {} : { 'service.version': version }),
      }),
      sampler: new CallerOrRatioSampler(options.sampling ?? 1),
      spanLimits: {
        attributeCountLimit: 64,
        attributeValueLengthLimit: 2_048,
        eventCountLimit: 32,
      },
      spanProcessors: [
        ...(sinks.length === 0 ? [] : [new SpanPipeline(app, instance, sinks)]),
        ...(options.spanProcessors ?? []),
      ],
    });
    this.#tracer = this.#provider.getTracer('rookery');
  }

  /**
   * Runs `fn` within a span that ends when the result of `fn` settles. What `fn` throws is recorded
   * in the span and thrown on.
   */
  run<T>(name: string, options: SpanOptions, fn: (span: Span) => T): T {
    const started = this.start(name, options);
    return started.run(() => settleWith(started, () => fn(started.span)));
  }

  /** Starts a span that the caller ends; see {@link run} for the usual case. */
  start(name: string, options: SpanOptions = {}): StartedSpan {
    const parent = options.parent?.context ?? otelContext.active();
    const unrecorded = unrecordedSpan(parent);
    if (unrecorded !== undefined) return startedSpan(unrecorded, parent);
    const span = this.#tracer.startSpan(
      name,
      {
        kind: KINDS[options.kind ?? 'internal'],
        startTime: spanTime(),
        ...(options.links === undefined ? {} : { links: options.links.flatMap(linkTo) }),
      },
      parent,
    );
    // Not given to `startSpan`, which checks them before it asks whether anybody wants the span.
    const { attributes } = options;
    if (attributes !== undefined && span.isRecording()) {
      span.setAttributes(typeof attributes === 'function' ? attributes() : attributes);
    }
    return startedSpan(span, trace.setSpan(parent, span));
  }

  /** The caller's place in its trace, from headers: W3C, else `b3`, else `X-B3-*`. */
  extract(headers: CarrierHeaders): TraceCarrier {
    return { context: extractContext(headers) };
  }

  /** Writes the running span into headers: `traceparent`, `tracestate`, `b3`. */
  inject(carrier: Record<string, string>): void {
    injectContext(otelContext.active(), carrier);
  }

  /** The running span, to continue from later. */
  capture(): TraceCarrier {
    return { context: otelContext.active() };
  }

  /** The running trace's id, 32 hexadecimal digits. */
  currentTraceId(): string | undefined {
    return currentTraceId();
  }

  /** Sends what waits to be sent and stops tracing. */
  async close(signal?: AbortSignal): Promise<void> {
    await this.reporter?.close(signal);
    await this.#provider.shutdown();
  }
}

/** The running trace's id, 32 hexadecimal digits; `undefined` outside of any. */
export function currentTraceId(): string | undefined {
  return trace.getSpanContext(otelContext.active())?.traceId;
}

/**
 * The span to stand for work in a trace that is not recorded: that of whoever decided so. A new one
 * would have an id that nobody ever sees.
 */
function unrecordedSpan(parent: Context): Span | undefined {
  const decided = trace.getSpanContext(parent);
  if (decided === undefined || (decided.traceFlags & TraceFlags.SAMPLED) !== 0) return undefined;
  if (decided.isRemote === true && samplingHint(parent) === 'defer') return undefined;
  return trace.getSpan(parent) ?? trace.wrapSpanContext(decided);
}

function startedSpan(span: Span, context: Context): StartedSpan {
  return {
    span,
    context,
    traceId: span.spanContext().traceId,
    run: (fn) => otelContext.with(context, fn),
    fail: (error) => recordFailure(span, error),
    end: () => span.end(spanTime()),
  };
}

function settleWith<T>(started: StartedSpan, fn: () => T): T {
  let result: T;
  try {
    result = fn();
  } catch (error) {
    started.fail(error);
    started.end();
    throw error;
  }
  if (!isThenable(result)) {
    started.end();
    return result;
  }
  return result.then(
    (value) => {
      started.end();
      return value;
    },
    (error: unknown) => {
      started.fail(error);
      started.end();
      throw error;
    },
  ) as T;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}

function recordFailure(span: Span, error: unknown): void {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  span.setAttribute('error.type', name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

function linkTo({ context }: TraceCarrier): { context: NonNullable<ReturnType<typeof spanOf>> }[] {
  const linked = spanOf(context);
  return linked === undefined ? [] : [{ context: linked }];
}

const spanOf = (context: Context) => trace.getSpanContext(context);

let following = false;

/** OpenTelemetry's context manager is one per process; another library may have set it already. */
function followAsyncCalls(): void {
  if (following) return;
  following = true;
  const manager = new AsyncLocalStorageContextManager();
  if (otelContext.setGlobalContextManager(manager)) manager.enable();
}
