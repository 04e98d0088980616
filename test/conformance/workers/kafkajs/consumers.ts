import { randomUUID } from 'node:crypto';
import kafkajs, { type Consumer, type IHeaders, type Kafka } from 'kafkajs';
import type { Connection, ConsumerOptions } from '../../port/operations.js';
import { Handles } from '../handles.js';
import { Inbox } from '../inbox.js';
import type { Served } from '../serve.js';

const { PartitionAssigners } = kafkajs;

interface Opened {
  readonly consumer: Consumer;
  readonly inbox: Inbox;
  partitions: Record<string, number[]>;
  readonly history: { event: 'assigned' | 'revoked'; partitions: number[] }[];
}

/** Consumers of kafkajs: it knows consumers in groups alone. */
export function consumerOperations(connect: (connection: Connection) => Kafka): Served {
  const open = new Handles<Opened>('consumer');
  return {
    openConsumer: async (options) => {
      open.add(options.consumer, await start(connect(options), options));
      return {};
    },
    receive: async ({ consumer, count, withinMs }) => ({
      records: await open.get(consumer).inbox.take(count, withinMs),
    }),
    assignment: async ({ consumer }) => {
      const { partitions, history } = open.get(consumer);
      return { partitions, history };
    },
    commitOffsets: async ({ consumer, offsets }) => {
      await open.get(consumer).consumer.commitOffsets(
        offsets.map(({ topic, partition, offset, metadata }) => ({
          topic,
          partition,
          offset: String(offset),
          ...(metadata === undefined ? {} : { metadata }),
        })),
      );
      return {};
    },
    seek: async ({ consumer: name, topic, partition, offset }) => {
      const { consumer, inbox } = open.get(name);
      inbox.clear();
      consumer.seek({ topic, partition, offset: String(offset) });
      return {};
    },
    pause: async ({ consumer, topic, partition }) => {
      open.get(consumer).consumer.pause([{ topic, partitions: [partition] }]);
      return {};
    },
    resume: async ({ consumer, topic, partition }) => {
      open.get(consumer).consumer.resume([{ topic, partitions: [partition] }]);
      return {};
    },
    closeConsumer: async ({ consumer }) => {
      await open.take(consumer).consumer.disconnect();
      return {};
    },
  };
}

async function start(kafka: Kafka, options: ConsumerOptions): Promise<Opened> {
  const topics = options.topics ?? [];
  const consumer = kafka.consumer({
    groupId: options.group ?? `solo-${randomUUID()}`,
    sessionTimeout: options.sessionTimeoutMs ?? 10_000,
    rebalanceTimeout: 10_000,
    heartbeatInterval: 200,
    maxWaitTimeInMs: 200,
    allowAutoTopicCreation: false,
    readUncommitted: options.isolation !== 'read_committed',
    partitionAssigners: [PartitionAssigners.roundRobin],
    retry: { retries: 1, initialRetryTime: 50 },
  });
  const opened: Opened = { consumer, inbox: new Inbox(), partitions: {}, history: [] };
  const { GROUP_JOIN, REBALANCING, CRASH } = consumer.events;
  consumer.on(REBALANCING, () => {
    const before = Object.values(opened.partitions).flat();
    if (before.length > 0) opened.history.push({ event: 'revoked', partitions: before });
    opened.partitions = {};
  });
  consumer.on(GROUP_JOIN, ({ payload: { memberAssignment } }) => {
    opened.partitions = memberAssignment;
    opened.history.push({
      event: 'assigned',
      partitions: Object.values(memberAssignment).flat(),
    });
  });
  // Only a crash that is not followed by a restart is the end.
  consumer.on(CRASH, ({ payload }) => {
    if (!payload.restart) opened.inbox.fail(payload.error);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: options.reset !== 'latest' });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, isStale }) => {
      for (const message of batch.messages) {
        if (isStale()) break;
        resolveOffset(message.offset);
        opened.inbox.add({
          topic: batch.topic,
          partition: batch.partition,
          offset: Number(message.offset),
          timestamp: Number(message.timestamp),
          key: message.key,
          value: message.value,
          headers: headersOf(message.headers ?? {}),
        });
      }
    },
  });
  return opened;
}

function headersOf(headers: IHeaders): (readonly [string, Buffer | null])[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map(
      (each) => [name, each === undefined ? null : Buffer.from(each)] as const,
    ),
  );
}
