import { TraceFlags } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import { toZipkinSpan, type ZipkinSpan } from './zipkin-span.js';

/** What takes finished spans. Must neither throw nor wait. */
export interface SpanSink {
  accept(span: ZipkinSpan): void;
}

/** Turns each finished, sampled span into a Zipkin span once, and hands it to all sinks. */
export class SpanPipeline implements SpanProcessor {
  readonly #local: { readonly serviceName: string };

  constructor(
    service: string,
    private readonly instance: string,
    private readonly sinks: readonly SpanSink[],
  ) {
    this.#local = { serviceName: service.toLowerCase() };
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    const zipkin = toZipkinSpan(span, this.#local, this.instance);
    for (const sink of this.sinks) sink.accept(zipkin);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
