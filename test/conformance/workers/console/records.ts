import type { OutgoingRecord, ProducerOptions, ReceivedRecord } from '../../port/operations.js';
import { NotOffered } from '../command-client.js';
import { Handles } from '../handles.js';
import type { Served } from '../serve.js';
import type { ConsoleTools } from './tools.js';

const LINE = /^\w+:(-?\d+)\tPartition:(\d+)\tOffset:(\d+)\t([^\t]*)\t([^\t]*)\t(.*)$/;

/** kafka-console-producer and kafka-console-consumer. */
export function recordOperations(tools: ConsoleTools): Served {
  const producers = new Handles<ProducerOptions>('producer');
  const consumers = new Handles<{ topic: string; args: string[] }>('consumer');
  return {
    openProducer: async (options) => {
      if (options.listener === 'sasl') throw new NotOffered('logins');
      producers.add(options.producer, options);
      return {};
    },
    send: async ({ producer, topic, records }) => {
      const { acks = -1, codec = 'none' } = producers.get(producer);
      const headers = records.some((record) => (record.headers ?? []).length > 0);
      const input = records.map((record) => toLine(record, headers)).join('\n');
      await tools.run(
        'kafka-console-producer',
        [
          '--topic',
          topic,
          '--compression-codec',
          codec,
          '--command-property',
          // Not --sync: it waits for every record, which then waits for others to come along.
          `acks=${acks}`,
          '--command-property',
          'max.block.ms=5000',
          '--reader-property',
          'parse.key=true',
          '--reader-property',
          `parse.headers=${headers}`,
        ],
        { input },
      );
      return { sent: null };
    },
    closeProducer: async ({ producer }) => {
      producers.take(producer);
      return {};
    },
    openConsumer: async ({ consumer, listener, topics, assign, group, isolation, reset }) => {
      const [topic, ...others] = topics ?? assign?.map((each) => each.topic) ?? [];
      if (listener === 'sasl') throw new NotOffered('logins');
      if (others.length > 0) throw new NotOffered('two topics');
      if (reset !== undefined) throw new NotOffered('resets');
      const only = assign?.[0];
      const from =
        only === undefined
          ? ['--group', group ?? '', '--from-beginning']
          : ['--partition', String(only.partition), '--offset', String(only.from)];
      const args = [...from, '--isolation-level', isolation ?? 'read_uncommitted'];
      consumers.add(consumer, { topic: topic ?? '', args });
      return {};
    },
    receive: async ({ consumer, count, withinMs }) => {
      const { topic, args } = consumers.get(consumer);
      const printed = ['timestamp', 'partition', 'offset', 'headers', 'key'];
      const output = await tools.run('kafka-console-consumer', [
        '--topic',
        topic,
        ...args,
        '--max-messages',
        String(count),
        '--timeout-ms',
        String(withinMs),
        ...printed.flatMap((each) => ['--formatter-property', `print.${each}=true`]),
      ]);
      return { records: output.split('\n').flatMap((line) => toRecord(topic, line)) };
    },
    closeConsumer: async ({ consumer }) => {
      consumers.take(consumer);
      return {};
    },
  };
}

function toLine(
  { key, value, headers, partition, timestamp }: OutgoingRecord,
  withHeaders: boolean,
): string {
  // It cannot name a partition: 0 is meant where there is no other.
  if (partition !== undefined && partition !== 0) throw new NotOffered('a partition to send to');
  if (timestamp !== undefined) throw new NotOffered('timestamps');
  if (typeof value !== 'string' || (key !== undefined && typeof key !== 'string')) {
    throw new NotOffered('what is no text');
  }
  const pairs = (headers ?? []).map(([name, header]) => `${name}:${String(header)}`);
  return `${withHeaders ? `${pairs.join(',')}\t` : ''}${key ?? ''}\t${value}`;
}

function toRecord(topic: string, line: string): ReceivedRecord[] {
  const match = LINE.exec(line);
  if (match === null) return [];
  const [, timestamp, partition, offset, headers, key, value] = match as unknown as string[];
  const pairs = headers === 'NO_HEADERS' ? [] : headers!.split(',');
  return [
    {
      topic,
      partition: Number(partition),
      offset: Number(offset),
      timestamp: Number(timestamp),
      key: key === 'null' ? null : Buffer.from(key!),
      value: value === 'null' ? null : Buffer.from(value!),
      headers: pairs.map((pair) => {
        const [name, header] = pair.split(':') as [string, string];
        return [name, header === 'null' ? null : Buffer.from(header)] as const;
      }),
    },
  ];
}
