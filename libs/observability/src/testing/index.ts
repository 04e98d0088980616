export { LogCapture } from './log-capture.js';
export { metricSamples } from './metric-samples.js';
export { zipkinSpans } from './zipkin-schema.js';
export { ZipkinSink, type SinkMode } from './zipkin-sink.js';
