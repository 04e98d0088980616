import { isRookeryError } from '@rookery/core';
import type { OutgoingRecord } from '@rookery/kafka';
import { isTopicName } from '../contract/topic-name.js';
import { UnprocessableMessageError } from '../messaging.errors.js';

/** Headers of Nest's `ClientKafka`. */
const HEADER = {
  correlationId: 'kafka_correlationId',
  replyTopic: 'kafka_replyTopic',
  replyPartition: 'kafka_replyPartition',
  error: 'kafka_nest-err',
  last: 'kafka_nest-is-disposed',
} as const;

/** Who asks, and where the answer goes. */
export interface NestRequest {
  readonly correlationId: string;
  readonly topic: string;
  /** The one that the caller reads. */
  readonly partition: number | undefined;
}

/**
 * The request in a record; `undefined` when nobody waits for an answer.
 *
 * @throws UnprocessableMessageError when the answer could not be sent anywhere
 */
export function requestOf(headers: Readonly<Record<string, string>>): NestRequest | undefined {
  const correlationId = headers[HEADER.correlationId];
  const topic = headers[HEADER.replyTopic];
  if (!correlationId || !topic) return undefined;
  const given = headers[HEADER.replyPartition];
  const partition = given === undefined ? undefined : Number(given);
  if (!isTopicName(topic)) {
    throw new UnprocessableMessageError(`${HEADER.replyTopic} is no name of a topic`);
  }
  if (partition !== undefined && (!Number.isInteger(partition) || partition < 0)) {
    throw new UnprocessableMessageError(`${HEADER.replyPartition} is no partition: ${given}`);
  }
  return { correlationId, topic, partition };
}

/** The record that answers a request; the whole answer, whatever its fields are called. */
export function answerOf(request: NestRequest, result: unknown): OutgoingRecord {
  return record(request, encode(result), { [HEADER.last]: Buffer.alloc(1) });
}

/** The record that says that a request has failed. */
export function refusalOf(request: NestRequest, error: unknown): OutgoingRecord {
  return record(request, null, {
    [HEADER.error]: JSON.stringify(describe(error)),
    [HEADER.last]: Buffer.alloc(1),
  });
}

function record(
  { topic, partition, correlationId }: NestRequest,
  value: OutgoingRecord['value'],
  headers: Readonly<Record<string, Buffer | string>>,
): OutgoingRecord {
  return {
    topic,
    key: null,
    value,
    headers: { ...headers, [HEADER.correlationId]: correlationId },
    ...(partition === undefined ? {} : { partition }),
  };
}

/** As Nest's client reads it: objects and arrays are JSON, all else is text. */
function encode(result: unknown): Buffer | string | null {
  if (result === undefined || result === null) return null;
  if (Buffer.isBuffer(result) || typeof result === 'string') return result;
  return JSON.stringify(result);
}

/** What a caller may know: nothing that was not meant for it. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error ?? INTERNAL;
  // Exceptions of Nest: RpcException, and those of HTTP that pipes and guards throw.
  const { getError, getStatus } = error as { getError?: unknown; getStatus?: unknown };
  if (typeof getError === 'function') {
    const inner: unknown = getError.call(error);
    return typeof inner === 'object' ? inner : { status: 'error', message: inner };
  }
  const statusCode: unknown = typeof getStatus === 'function' ? getStatus.call(error) : undefined;
  if (typeof statusCode === 'number' && statusCode < 500) {
    const { getResponse, message } = error as Error & { getResponse?: () => unknown };
    const response = getResponse?.call(error) as { message?: unknown } | string | undefined;
    const told = typeof response === 'object' ? response.message : response;
    return { status: 'error', statusCode, message: told ?? message };
  }
  if (!isRookeryError(error)) return INTERNAL;
  const { code, status, title } = error;
  return { status: 'error', statusCode: status, code, message: title };
}

const INTERNAL = { status: 'error', message: 'Internal server error' };
