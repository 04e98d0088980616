import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { hrTimeToMicroseconds } from '@opentelemetry/core';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { isSecretKey, REDACTED, scrub } from '../logging/redact.js';

/** A network node of a {@link ZipkinSpan}. */
export interface ZipkinEndpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port?: number;
}

/** A span in Zipkin's v2 JSON (openzipkin/zipkin-api, `zipkin2-api.yaml`). Times in microseconds. */
export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: 'CLIENT' | 'SERVER' | 'PRODUCER' | 'CONSUMER';
  readonly name: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: ZipkinEndpoint;
  readonly remoteEndpoint?: ZipkinEndpoint;
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[];
  readonly tags: Readonly<Record<string, string>>;
}

const KINDS: Partial<Record<SpanKind, ZipkinSpan['kind']>> = {
  [SpanKind.CLIENT]: 'CLIENT',
  [SpanKind.SERVER]: 'SERVER',
  [SpanKind.PRODUCER]: 'PRODUCER',
  [SpanKind.CONSUMER]: 'CONSUMER',
};

/** Attributes that become the remote endpoint instead of a tag. */
const REMOTE = new Set(['peer.service', 'server.address', 'server.port']);
const MAX_TEXT = 1_024;

/**
 * A finished span as Zipkin knows it. Follows OpenTelemetry's "Zipkin" exporter specification, with
 * names in lower case as Zipkin's API asks, and with secrets taken out.
 */
export function toZipkinSpan(
  span: ReadableSpan,
  local: ZipkinEndpoint,
  instance: string,
): ZipkinSpan {
  const { traceId, spanId } = span.spanContext();
  const parentId = span.parentSpanContext?.spanId;
  const kind = KINDS[span.kind];
  const remote = remoteEndpoint(span);
  return {
    traceId,
    id: spanId,
    ...(parentId === undefined ? {} : { parentId }),
    ...(kind === undefined ? {} : { kind }),
    name: span.name.toLowerCase(),
    timestamp: Math.round(hrTimeToMicroseconds(span.startTime)),
    duration: Math.max(1, Math.round(hrTimeToMicroseconds(span.duration))),
    localEndpoint: local,
    ...(remote === undefined ? {} : { remoteEndpoint: remote }),
    ...(span.events.length === 0
      ? {}
      : {
          annotations: span.events.map((event) => ({
            timestamp: Math.round(hrTimeToMicroseconds(event.time)),
            value: text(event.name),
          })),
        }),
    tags: tags(span, instance),
  };
}

function tags(span: ReadableSpan, instance: string): Record<string, string> {
  const result: Record<string, string> = { 'service.instance.id': instance };
  for (const [key, value] of Object.entries(span.attributes)) {
    if (value === undefined || value === null || REMOTE.has(key)) continue;
    result[key] = isSecretKey(key)
      ? REDACTED
      : text(typeof value === 'string' ? value : JSON.stringify(value));
  }
  if (span.links.length > 0) {
    result['links'] = span.links
      .slice(0, 8)
      .map(({ context }) => `${context.traceId}-${context.spanId}`)
      .join(',');
  }
  if (span.status.code === SpanStatusCode.ERROR) {
    result['otel.status_code'] = 'ERROR';
    result['error'] = text(span.status.message ?? 'true');
  }
  return result;
}

function remoteEndpoint({ attributes, kind }: ReadableSpan): ZipkinEndpoint | undefined {
  // On the server's side `server.*` is this process, not the peer.
  if (kind === SpanKind.SERVER) return undefined;
  const service = attributes['peer.service'] ?? attributes['server.address'];
  if (typeof service !== 'string') return undefined;
  const port = Number(attributes['server.port']);
  return {
    serviceName: service.toLowerCase(),
    ...(Number.isInteger(port) && port > 0 && port < 65_536 ? { port } : {}),
  };
}

function text(value: string): string {
  const clean = scrub(value);
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT - 3)}...` : clean;
}
