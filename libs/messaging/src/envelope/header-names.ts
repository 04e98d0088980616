/**
 * Header names on the wire. `ce_*` follow the CloudEvents 1.0 Kafka binding in binary mode;
 * `rk_*` are ours.
 */
export const HEADER = {
  specVersion: 'ce_specversion',
  id: 'ce_id',
  type: 'ce_type',
  source: 'ce_source',
  time: 'ce_time',
  dataVersion: 'ce_dataversion',
  contentType: 'content-type',
  correlationId: 'x-correlation-id',
  causationId: 'rk_causationid',
  replyTo: 'rk_replyto',
  replyKey: 'rk_replykey',
  inReplyTo: 'rk_inreplyto',
  outcome: 'rk_outcome',
} as const;

/** Headers that a dead letter has besides those of the original record. */
export const DEAD_LETTER_HEADER = {
  reason: 'rk_dlt_reason',
  error: 'rk_dlt_error',
  code: 'rk_dlt_code',
  attempts: 'rk_dlt_attempts',
  topic: 'rk_dlt_topic',
  partition: 'rk_dlt_partition',
  offset: 'rk_dlt_offset',
  timestamp: 'rk_dlt_timestamp',
  group: 'rk_dlt_group',
  consumer: 'rk_dlt_consumer',
  time: 'rk_dlt_time',
  /** Bytes of the value that was left out, because with these headers no broker would take it. */
  omitted: 'rk_dlt_omitted',
} as const;

/** The topic for records of `topic` that could not be handled. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dlt`;
}
