import { mkdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { InvalidOptionError, RookeryError } from '@rookery/core';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import {
  DataDirectoryError,
  EmbeddedKafka,
  PortInUseError,
  ProductionRefusedError,
  type EmbeddedKafkaOptions,
} from './index.js';
import { ProtocolClient } from './testing/protocol-client.js';
import { Journal } from './storage/journal.js';
import { temporaryDirectory } from './testing/temporary-directory.js';
import { startBroker } from './testing/use-broker.js';
import { metadataApi } from './protocol/apis/cluster.api.js';
import { fetchApi } from './protocol/apis/fetch.api.js';
import { joinGroupApi } from './protocol/apis/membership.api.js';
import { createTopicsApi } from './protocol/apis/topic-admin.api.js';

async function failure(options: EmbeddedKafkaOptions): Promise<RookeryError> {
  try {
    const broker = await EmbeddedKafka.start(options);
    await broker.stop();
  } catch (error) {
    return error as RookeryError;
  }
  throw new Error('the broker started');
}

describe('EmbeddedKafka.start', () => {
  it('picks a free port and says where it is', async () => {
    const lines: string[] = [];
    const broker = await startBroker({ log: (line) => lines.push(line) });
    expect(broker.port).toBeGreaterThan(0);
    expect(broker.brokers).toEqual([`127.0.0.1:${broker.port}`]);
    expect(lines).toEqual([
      `Kafka for development on 127.0.0.1:${broker.port}, not for production`,
    ]);
  });

  it('makes the topics that are asked for, once', async () => {
    const dataDirectory = temporaryDirectory();
    for (const partitions of [3, 5]) {
      const broker = await startBroker({ dataDirectory, topics: { a: partitions, b: 1 } });
      const client = await ProtocolClient.connect(broker.port);
      const { topics } = await client.call(metadataApi, 12, { topics: null });
      expect(topics.map((topic) => [topic.name, topic.partitions.length])).toEqual([
        ['a', 3],
        ['b', 1],
      ]);
      await broker.stop();
    }
  });

  it('gives nodes the ports that follow, or none if one is taken', async () => {
    const free = await startBroker({ nodes: 2 });
    const taken = Number(free.brokers[1]?.split(':')[1]);
    await free.faults.stopNode(1);
    if (taken === free.port + 1) {
      expect(await failure({ port: free.port, nodes: 2 })).toBeInstanceOf(PortInUseError);
    }
    const error = await failure({ port: taken, nodes: 2 });
    expect(error).toBeInstanceOf(PortInUseError);
  });

  it.each(['NODE_ENV', 'ROOKERY_PROFILE'])('refuses production by %s', async (variable) => {
    const error = await failure({ environment: { [variable]: 'production' } });
    expect(error).toBeInstanceOf(ProductionRefusedError);
    expect(error.code).toBe('RKY_EMBEDDED_KAFKA_PRODUCTION');
    expect(error.message).toContain(`${variable}=production`);
  });

  it.each([
    [{ host: '0.0.0.0' }, 'expected a loopback address'],
    [{ host: 'kafka.example.org' }, 'expected a loopback address'],
    [{ port: 70_000 }, 'port: 70000 is not allowed'],
    [{ retention: 'soon' as never }, 'retention'],
    [{ nodes: 10 }, 'nodes: 10 is not allowed'],
    [{ topics: { 'a b': 1 } }, 'a topic name is'],
    [{ topics: { a: 0 } }, 'topics.a: 0 is not allowed'],
    [{ ports: 1 } as never, 'ports: unknown option'],
  ])('refuses %j', async (options: EmbeddedKafkaOptions, problem) => {
    const error = await failure(options);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.message).toContain(problem);
  });

  it('says in one line that a port is taken, and gives the data directory back', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const dataDirectory = temporaryDirectory();
    const error = await failure({ port, dataDirectory });
    expect(error).toBeInstanceOf(PortInUseError);
    expect(error.message).toMatch(new RegExp(`^127.0.0.1:${port} is in use: [^\n]+$`));
    other.close();
    await startBroker({ dataDirectory });
  });

  it('refuses a data directory that another broker has open', async () => {
    const dataDirectory = temporaryDirectory();
    await startBroker({ dataDirectory });
    const error = await failure({ dataDirectory });
    expect(error).toBeInstanceOf(DataDirectoryError);
    expect(error.message).toContain('in use');
  });

  it('refuses a data directory of another format', async () => {
    const dataDirectory = temporaryDirectory();
    const journal = new Journal(join(dataDirectory, 'cluster.journal'));
    journal.set('format', 2);
    journal.close();
    expect((await failure({ dataDirectory })).message).toContain('has format 2');
  });

  it('refuses a data directory it cannot read', async () => {
    const dataDirectory = temporaryDirectory();
    mkdirSync(join(dataDirectory, 'topics.journal'));
    const error = await failure({ dataDirectory });
    expect(error).toBeInstanceOf(DataDirectoryError);
    expect(error.message).not.toContain('\n');
  });
});

describe('EmbeddedKafka.stop', () => {
  it('ends waiting requests, closes connections and leaves no timer, as often as it is called', async () => {
    const clock = new VirtualClock();
    const broker = await EmbeddedKafka.start({ clock });
    const client = await ProtocolClient.connect(broker.port);
    const other = await ProtocolClient.connect(broker.port);
    await client.call(createTopicsApi, 2, {
      topics: [
        { name: 't', partitionCount: 1, replicationFactor: 1, assignments: [], configs: [] },
      ],
      timeoutMs: 1,
      validateOnly: false,
    });
    const join = {
      groupId: 'g',
      sessionTimeoutMs: 6_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    };
    await client.call(joinGroupApi, 3, join);
    const poll = client.call(fetchApi, 11, {
      replicaId: -1,
      maxWaitMs: 60_000,
      minBytes: 1,
      maxBytes: 1,
      isolationLevel: 0,
      topics: [{ name: 't', partitions: [{ index: 0, fetchOffset: 0, maxBytes: 1 }] }],
    });
    const joining = other.call(joinGroupApi, 3, join);
    const ended = Promise.allSettled([poll, joining]);
    while (clock.pending < 3) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([broker.stop(), broker.stop()]);
    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(clock.pending).toBe(0);
    await expect(ProtocolClient.connect(broker.port)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('EmbeddedKafka while idle', () => {
  it('sets no timer, with data on disk and a client connected', async () => {
    const clock = new VirtualClock();
    const broker = await startBroker({ clock, dataDirectory: temporaryDirectory() });
    const client = await ProtocolClient.connect(broker.port);
    await client.call(createTopicsApi, 2, {
      topics: [
        { name: 't', partitionCount: 3, replicationFactor: 1, assignments: [], configs: [] },
      ],
      timeoutMs: 1,
      validateOnly: false,
    });
    expect(clock.pending).toBe(0);
  });
});
