import type { IncomingRecord } from '@rookery/kafka';
import { DEAD_LETTER_HEADER } from '../envelope/header-names.js';
import type { Arrival } from '../inbox/inbox.js';
import type { Message } from './delivery.js';

/** Where a record is stored. */
export function placeOf({ topic, partition, offset }: IncomingRecord): string {
  return `${topic}/${partition}/${offset}`;
}

/**
 * How a message has come. One that was given up is handled when somebody wants it to be: whoever
 * asks again, as sagas do, or sends a dead letter back to its topic. An event that its producer has
 * sent twice stays given up: what came after it has been handled by then.
 */
export function arrivalOf(record: IncomingRecord, { contract }: Message): Arrival {
  const again = contract.kind !== 'event' || DEAD_LETTER_HEADER.reason in record.headers;
  return { place: placeOf(record), again };
}
