import { Producer } from '@platformatic/kafka';
import type { OutgoingRecord, ProducerOptions } from '../../port/operations.js';
import { Handles } from '../handles.js';
import type { Served } from '../serve.js';
import { optionsOf } from './connect.js';

type Transaction = Awaited<ReturnType<Producer['beginTransaction']>>;

interface Opened {
  readonly producer: Producer;
  readonly options: ProducerOptions;
  transaction?: Transaction;
}

/** By default it claims to be producer 0, which the broker refuses where another has gone before. */
const FIRST = { producerId: -1n, producerEpoch: -1 };

/** Producers of @platformatic/kafka. */
export function producerOperations(): Served {
  const open = new Handles<Opened>('producer');
  return {
    openProducer: async (options) => {
      const producer = new Producer({
        ...optionsOf(options),
        // What it tells the broker as the time of a transaction.
        ...(options.transactionTimeoutMs === undefined
          ? {}
          : { timeout: options.transactionTimeoutMs }),
        ...(options.transactionalId === undefined
          ? {}
          : { transactionalId: options.transactionalId }),
        ...(options.idempotent === true || options.transactionalId !== undefined
          ? { idempotent: true, maxInflights: 1 }
          : {}),
      });
      open.add(options.producer, { producer, options });
      return {};
    },
    send: async ({ producer: name, topic, records }) => {
      const { producer, transaction, options } = open.get(name);
      const { offsets } = await (transaction ?? producer).send({
        messages: records.map((record) => toMessage(topic, record)),
        acks: options.acks ?? -1,
        compression: options.codec ?? 'none',
      });
      if (offsets === undefined || records.some(({ partition }) => partition === undefined)) {
        return { sent: null };
      }
      // It tells the first offset per partition.
      const next = new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
      return {
        sent: records.map(({ partition = 0 }) => {
          const offset = next.get(partition) ?? null;
          if (offset !== null) next.set(partition, offset + 1);
          return { partition, offset };
        }),
      };
    },
    begin: async ({ producer: name }) => {
      const opened = open.get(name);
      opened.transaction = await opened.producer.beginTransaction(FIRST);
      return {};
    },
    commitTransaction: async ({ producer: name }) => {
      await end(open.get(name), (transaction) => transaction.commit());
      return {};
    },
    abortTransaction: async ({ producer: name }) => {
      await end(open.get(name), (transaction) => transaction.abort());
      return {};
    },
    closeProducer: async ({ producer: name }) => {
      await open.take(name).producer.close(true);
      return {};
    },
  };
}

async function end(opened: Opened, how: (transaction: Transaction) => Promise<void>) {
  const { transaction } = opened;
  delete opened.transaction;
  await how(transaction!);
}

function toMessage(topic: string, { key, value, headers, partition, timestamp }: OutgoingRecord) {
  return {
    topic,
    // Its types know no missing value, its code does.
    key: key as Buffer,
    value: value as Buffer,
    headers: new Map((headers ?? []).map(([name, bytes]) => [Buffer.from(name), bytes as Buffer])),
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) }),
  };
}
