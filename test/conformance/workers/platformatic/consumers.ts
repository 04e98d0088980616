import { randomUUID } from 'node:crypto';
import { Consumer, type GroupAssignment, type MessagesStream } from '@platformatic/kafka';
import type { ConsumerOptions } from '../../port/operations.js';
import { Handles } from '../handles.js';
import { Inbox } from '../inbox.js';
import type { Served } from '../serve.js';
import { optionsOf } from './connect.js';

interface Opened {
  readonly consumer: Consumer;
  readonly stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>;
  readonly inbox: Inbox;
  readonly history: { event: 'assigned' | 'revoked'; partitions: number[] }[];
  partitions: Record<string, number[]>;
}

/** Consumers of @platformatic/kafka: streams of messages. It has neither seek nor pause by partition. */
export function consumerOperations(): Served {
  const open = new Handles<Opened>('consumer');
  return {
    openConsumer: async (options) => {
      open.add(options.consumer, await start(options));
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
      await open.get(consumer).consumer.commit({
        offsets: offsets.map(({ topic, partition, offset }) => ({
          topic,
          partition,
          offset: BigInt(offset),
          leaderEpoch: -1,
        })),
      });
      return {};
    },
    closeConsumer: async ({ consumer: name }) => {
      const { consumer, stream } = open.take(name);
      await stream.close();
      await consumer.close(true);
      return {};
    },
  };
}

async function start(options: ConsumerOptions): Promise<Opened> {
  const {
    strategy,
    instanceId,
    reset = 'earliest',
    sessionTimeoutMs: sessionTimeout = 10_000,
  } = options;
  const consumer = new Consumer({
    ...optionsOf(options),
    groupId: options.group ?? `solo-${randomUUID()}`,
    sessionTimeout,
    rebalanceTimeout: sessionTimeout,
    heartbeatInterval: 200,
    ...(strategy === undefined ? {} : { protocols: [{ name: strategy, version: 1 }] }),
    ...(instanceId === undefined ? {} : { groupInstanceId: instanceId }),
  });
  const inbox = new Inbox();
  const opened = { partitions: {}, history: [] } as Pick<Opened, 'partitions' | 'history'>;
  consumer.on('consumer:group:join', () => assign(opened, consumer.assignments ?? []));
  const stream = await consumer
    .consume({
      topics: [...(options.topics ?? [])],
      mode: 'committed',
      fallbackMode: reset === 'none' ? 'fail' : reset,
      autocommit: false,
      maxWaitTime: 200,
      isolationLevel: options.isolation === 'read_committed' ? 1 : 0,
    })
    .catch(async (error: unknown) => {
      await consumer.close(true);
      throw error;
    });
  assign(opened, consumer.assignments ?? []);
  stream.on('error', (error) => inbox.fail(error));
  stream.on('data', (message) => {
    inbox.add({
      topic: message.topic,
      partition: message.partition,
      offset: Number(message.offset),
      timestamp: Number(message.timestamp),
      key: message.key ?? null,
      value: message.value ?? null,
      headers: message.headerEntries.map(([name, value]) => [name.toString(), value ?? null]),
    });
  });
  return Object.assign(opened, { consumer, stream, inbox });
}

function assign(opened: Pick<Opened, 'partitions' | 'history'>, now: readonly GroupAssignment[]) {
  const before = Object.values(opened.partitions).flat();
  const partitions = Object.fromEntries(now.map((each) => [each.topic, [...each.partitions]]));
  const after = Object.values(partitions).flat();
  if (JSON.stringify(opened.partitions) === JSON.stringify(partitions)) return;
  const taken = before.filter((partition) => !after.includes(partition));
  if (taken.length > 0) opened.history.push({ event: 'revoked', partitions: taken });
  opened.history.push({ event: 'assigned', partitions: after });
  opened.partitions = partitions;
}
