import kafkajs, { type Kafka, type Producer, type Transaction } from 'kafkajs';
import type { Connection, OutgoingRecord, ProducerOptions } from '../../port/operations.js';
import { Handles } from '../handles.js';
import type { Served } from '../serve.js';

const { CompressionTypes } = kafkajs;

interface Opened {
  readonly producer: Producer;
  readonly options: ProducerOptions;
  transaction?: Transaction;
}

/** Producers of kafkajs. */
export function producerOperations(connect: (connection: Connection) => Kafka): Served {
  const open = new Handles<Opened>('producer');
  return {
    openProducer: async (options) => {
      const producer = connect(options).producer({
        idempotent: options.idempotent === true || options.transactionalId !== undefined,
        ...(options.transactionalId === undefined
          ? {}
          : { transactionalId: options.transactionalId, maxInFlightRequests: 1 }),
        ...(options.transactionTimeoutMs === undefined
          ? {}
          : { transactionTimeout: options.transactionTimeoutMs }),
        allowAutoTopicCreation: false,
        retry: { retries: 2, initialRetryTime: 50 },
      });
      await producer.connect();
      open.add(options.producer, { producer, options });
      return {};
    },
    send: async ({ producer: name, topic, records }) => {
      const { producer, transaction, options } = open.get(name);
      const written = await (transaction ?? producer).send({
        topic,
        acks: options.acks ?? -1,
        compression: options.codec === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
        messages: records.map(toMessage),
      });
      if (records.some(({ partition }) => partition === undefined)) {
        // kafkajs tells the first offset per partition, not which record went where.
        const [only] = written;
        return {
          sent:
            records.length === 1 && only !== undefined
              ? [{ partition: only.partition, offset: offsetOf(only.baseOffset) }]
              : null,
        };
      }
      const next = new Map(
        written.map(({ partition, baseOffset }) => [partition, offsetOf(baseOffset)]),
      );
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
      opened.transaction = await opened.producer.transaction();
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
    sendOffsets: async ({ producer: name, group, offsets }) => {
      await open.get(name).transaction!.sendOffsets({
        consumerGroupId: group,
        topics: offsets.map(({ topic, partition, offset }) => ({
          topic,
          partitions: [{ partition, offset: String(offset) }],
        })),
      });
      return {};
    },
    closeProducer: async ({ producer: name }) => {
      await open.take(name).producer.disconnect();
      return {};
    },
  };
}

async function end(opened: Opened, how: (transaction: Transaction) => Promise<void>) {
  const { transaction } = opened;
  delete opened.transaction;
  await how(transaction!);
}

function offsetOf(baseOffset: string | undefined): number | null {
  return baseOffset === undefined || baseOffset === '-1' ? null : Number(baseOffset);
}

function toMessage({ key, value, headers, partition, timestamp }: OutgoingRecord) {
  const grouped: Record<string, Buffer[]> = {};
  for (const [name, bytes] of headers ?? []) (grouped[name] ??= []).push(bytes as Buffer);
  return {
    key: key as Buffer | null,
    value: value as Buffer | null,
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
    headers: Object.fromEntries(
      Object.entries(grouped).map(([name, all]) => [name, all.length === 1 ? all[0]! : all]),
    ),
  };
}
