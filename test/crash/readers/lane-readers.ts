import { systemClock } from '@rookery/core';
import type { KafkaProducer } from '@rookery/kafka';
import { MemoryKafkaDriver } from '@rookery/kafka';
import { OutboxRelay } from '../../../libs/messaging/src/outbox/outbox-relay.js';
import { Outbox } from '../../../libs/messaging/src/outbox/outbox.js';
import type { OutboxReader, ReaderParts } from './outbox-reader.js';

const RELAYS = 3;

/** Ours as shipped: lanes by key, each read in insert order by whoever holds its lock. */
export function laneReaders({ host, send, random }: ReaderParts, outbox: Outbox): OutboxReader {
  const admin = new MemoryKafkaDriver().admin();
  const producer: KafkaProducer = {
    send: (records) =>
      send(records.map(({ key, value }) => ({ key: String(key), version: Number(String(value)) }))),
    close: async () => {},
  };
  const relays = Array.from(
    { length: RELAYS },
    () =>
      new OutboxRelay(
        { host, outbox, producer, admin, clock: systemClock, random, log: () => {} },
        { batchSize: 10, busyPollMs: 1, idlePollMs: 5, topic: {} },
      ),
  );
  return {
    start: () => relays.forEach((relay) => relay.start()),
    stop: async () => {
      await Promise.all(relays.map((relay) => relay.stop()));
      await admin.close();
    },
  };
}
