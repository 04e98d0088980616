import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { Refusal, type Endpoints } from '../port/client.js';
import type { Connection, OutgoingRecord, ReceivedRecord } from '../port/operations.js';
import type { ClientSource } from '../suite/suite.js';
import { commandClient, NotOffered } from './command-client.js';
import { Handles } from './handles.js';
import type { Served } from './serve.js';

const TIMEOUT_MS = 30_000;
const BEGINNING: Record<string, string> = { earliest: 'beginning', latest: 'end' };

/** librdkafka's command line client: an older librdkafka than the one behind Python. */
export const kcatClient: ClientSource = {
  name: 'kcat',
  obstacle: async () => {
    try {
      await promisify(execFile)('kcat', ['-V']);
      return undefined;
    } catch {
      return 'kcat is not installed';
    }
  },
  start: async (endpoints) => {
    const { stdout } = await promisify(execFile)('kcat', ['-V']);
    const version = /librdkafka ([\d.]+)/.exec(stdout)?.[1] ?? '';
    return commandClient(
      `kcat (librdkafka ${version})`,
      operations(endpoints),
      [
        ...(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).map((it) => `codec:${it}` as const),
        // Not by SCRAM: that of librdkafka 2.0, which distributions still have, fails on Kafka itself.
        'login:PLAIN',
        'idempotent',
        'headers',
        'murmur2',
        'assign',
        'read_committed',
        'aborts',
        'commits-on-close',
      ],
      async () => {},
    );
  },
};

interface Metadata {
  readonly brokers: readonly unknown[];
  readonly controllerid: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly error?: string;
    readonly partitions: readonly { readonly replicas: readonly unknown[] }[];
  }[];
}

function operations(endpoints: Endpoints): Served {
  const producers = new Handles<readonly string[]>('producer');
  const consumers = new Handles<(count: number, withinMs: number) => Promise<ReceivedRecord[]>>(
    'consumer',
  );
  const metadata = async (connection: Connection, ...options: string[]): Promise<Metadata> =>
    JSON.parse(
      await kcat([...connect(endpoints, connection), '-L', '-J', '-m', '3', ...options]),
    ) as Metadata;

  return {
    describeCluster: async (connection) => {
      const { brokers, controllerid } = await metadata(connection);
      return { nodes: brokers.length, controller: controllerid > 0 };
    },
    listTopics: async (connection) => ({
      topics: (await metadata(connection)).topics.map(({ topic }) => topic),
    }),
    describeTopic: async ({ topic }) => {
      const [found] = (await metadata({}, '-t', topic)).topics;
      if (found?.error !== undefined) throw new Refusal(codeOf(found.error), found.error);
      return {
        partitions: found!.partitions.length,
        replicas: found!.partitions[0]?.replicas.length ?? 0,
      };
    },
    listOffset: async ({ topic, partition, at }) => {
      if (at === 'max-timestamp') throw new NotOffered(at);
      const time = typeof at === 'object' ? at.timestamp : at === 'earliest' ? -2 : -1;
      const where = `${topic}:${partition}:${time}`;
      const answer = await kcat([...connect(endpoints, {}), '-Q', '-t', where]);
      const offset = Number(/offset (-?\d+)/.exec(answer)?.[1]);
      return { offset: offset < 0 ? null : offset };
    },
    openProducer: async (options) => {
      producers.add(options.producer, [
        ...connect(endpoints, options),
        '-X',
        `acks=${options.acks ?? -1}`,
        '-z',
        options.codec ?? 'none',
        '-X',
        `enable.idempotence=${options.idempotent ?? false}`,
        '-X',
        'topic.partitioner=murmur2_random',
        '-X',
        'message.timeout.ms=8000',
        '-X',
        'topic.metadata.propagation.max.ms=2000',
      ]);
      return {};
    },
    send: async ({ producer, topic, records }) => {
      for (const [place, lines] of linesOf(records)) {
        await kcat([...producers.get(producer), '-P', '-t', topic, '-K', '\t', ...place], lines);
      }
      return { sent: null };
    },
    closeProducer: async ({ producer }) => {
      producers.take(producer);
      return {};
    },
    openConsumer: async (options) => {
      const { group, topics, assign, isolation, reset } = options;
      const common = [
        ...connect(endpoints, options),
        '-J',
        '-q',
        '-u',
        '-X',
        `isolation.level=${isolation ?? 'read_uncommitted'}`,
        '-X',
        `auto.offset.reset=${reset ?? 'earliest'}`,
      ];
      const only = assign?.[0];
      const from =
        only === undefined
          ? ['-G', group ?? '', ...(topics ?? [])]
          : [
              '-C',
              '-t',
              only.topic,
              '-p',
              String(only.partition),
              '-o',
              BEGINNING[only.from] ?? String(only.from),
            ];
      consumers.add(options.consumer, async (count, withinMs) => {
        const limit = ['-c', String(count)];
        return toRecords(await kcat([...common, ...limit, ...from], '', withinMs));
      });
      return {};
    },
    receive: async ({ consumer, count, withinMs }) => ({
      records: await consumers.get(consumer)(count, withinMs),
    }),
    closeConsumer: async ({ consumer }) => {
      consumers.take(consumer);
      return {};
    },
  };
}

function connect(endpoints: Endpoints, { listener, login }: Connection): string[] {
  const broker = ['-b', listener === 'sasl' ? endpoints.sasl : endpoints.plain];
  if (login === undefined) return broker;
  return Object.entries({
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanisms': login.mechanism,
    'sasl.username': login.username,
    'sasl.password': login.password,
  }).reduce((args, [name, value]) => [...args, '-X', `${name}=${value}`], broker);
}

/** Lines of kcat, per partition and headers: those are options of the command. */
function linesOf(records: readonly OutgoingRecord[]): Map<string[], string> {
  const lines = new Map<string, string[]>();
  for (const { key, value, partition, headers, timestamp } of records) {
    if (typeof value !== 'string' || (key !== undefined && typeof key !== 'string')) {
      throw new NotOffered('what is no text');
    }
    if (timestamp !== undefined) throw new NotOffered('timestamps');
    const options = [
      ...(partition === undefined ? [] : ['-p', String(partition)]),
      ...(headers ?? []).flatMap(([name, header]) => ['-H', `${name}=${String(header)}`]),
    ];
    const place = JSON.stringify(options);
    lines.set(place, [...(lines.get(place) ?? []), `${key ?? ''}\t${value}`]);
  }
  return new Map([...lines].map(([place, all]) => [JSON.parse(place) as string[], all.join('\n')]));
}

function toRecords(output: string): ReceivedRecord[] {
  const bytes = (text: string | null | undefined): Buffer | null =>
    text === null || text === undefined ? null : Buffer.from(text);
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => {
      const record = JSON.parse(line) as Omit<ReceivedRecord, 'key' | 'value' | 'headers'> & {
        ts: number;
        key: string | null;
        payload: string | null;
        headers?: string[];
      };
      const names = (record.headers ?? []).filter((_, i) => i % 2 === 0);
      return {
        ...record,
        timestamp: record.ts,
        key: bytes(record.key),
        value: bytes(record.payload),
        headers: names.map((name, i) => [name, bytes(record.headers?.[i * 2 + 1])] as const),
      };
    });
}

function codeOf(text: string): string {
  if (/Unknown (topic|partition)/i.test(text)) return 'UNKNOWN_TOPIC_OR_PARTITION';
  if (/Message size too large/i.test(text)) return 'MESSAGE_TOO_LARGE';
  if (/authentication fail|SASL authentication error/i.test(text)) {
    return 'SASL_AUTHENTICATION_FAILED';
  }
  if (/offset.* out of range/i.test(text)) return 'OFFSET_OUT_OF_RANGE';
  if (/Disconnected: verify that security.protocol/i.test(text)) return 'CLIENT:DISCONNECTED';
  return `CLIENT:${text.replaceAll(/\s+/g, ' ').slice(-120)}`;
}

/** What it wrote, when it ended or its time was over. */
function kcat(args: readonly string[], input = '', withinMs?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('kcat', args, {
      timeout: withinMs ?? TIMEOUT_MS,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const late = signal === 'SIGTERM' && withinMs !== undefined;
      if (code === 0 || late) resolve(output);
      else reject(new Refusal(codeOf(errors), errors));
    });
  });
}
