import type { IncomingRecord } from '@rookery/kafka';
import type { EventContract, MessageContract } from '../contract/contract.js';
import { headerOf, isMessageId, RecordEnvelope, type Envelope } from '../envelope/envelope.js';
import { HEADER } from '../envelope/header-names.js';
import { UnreadableRecordError } from '../messaging.errors.js';
import { placeOf } from './arrival.js';
import type { Message } from './delivery.js';

/** Turns a record into a message for one handler, whatever other handlers make of it. */
export type RecordReader = (record: IncomingRecord) => Message;

/** Data of a record that no contract describes, and the record itself. */
export interface RawData {
  readonly data: unknown;
  readonly record: IncomingRecord;
}

/**
 * Reads records that no contract describes. Producers that are not of the platform give no ids, so
 * the place in the topic is what the message is remembered by, with the time, because a topic that
 * is made anew counts from 0 again.
 *
 * @throws UnreadableRecordError when `decode` throws
 */
export function rawReader(decode: (record: IncomingRecord) => unknown): RecordReader {
  return (record) => ({
    envelope: lenientEnvelope(record, record.topic),
    contract: topicContract(record.topic),
    data: { data: decoded(decode, record), record } satisfies RawData,
  });
}

/** Reads a record without a value: its data is the key that has ended. */
export function tombstoneReader(contract: MessageContract): RecordReader {
  return (record) => ({
    envelope: lenientEnvelope(record, contract.name),
    contract,
    data: record.key?.toString() ?? '',
  });
}

function lenientEnvelope(record: IncomingRecord, type: string): Envelope {
  const given = headerOf(record, HEADER.id);
  const id = isMessageId(given) ? given : `${placeOf(record)}@${record.timestamp}`;
  return new RecordEnvelope(record, { id, type, version: 1, replyTo: undefined });
}

function decoded(decode: (record: IncomingRecord) => unknown, record: IncomingRecord): unknown {
  try {
    return decode(record);
  } catch (error) {
    if (error instanceof UnreadableRecordError) throw error;
    throw new UnreadableRecordError('undecodable', `the value cannot be decoded: ${String(error)}`);
  }
}

/** Stands for the contract that there is none of. */
function topicContract(topic: string): EventContract {
  return {
    kind: 'event',
    name: topic,
    owner: '',
    topic,
    key: () => '',
    versions: {},
    latest: 1,
    compatibility: 'NONE',
    upcast: {},
  };
}
