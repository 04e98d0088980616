import { ConfigResourceTypes } from 'kafkajs';
import { systemClock } from '@rookery/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { optionsSchema } from '../embedded-kafka.options.js';
import { allRoutes } from '../server/all-routes.js';
import { Broker } from '../server/broker.js';
import { FaultRules } from '../fault/fault.js';
import { RequestDispatcher } from '../server/request-dispatcher.js';
import type { Route } from '../server/route.js';
import { TcpServer } from '../server/tcp-server.js';
import { TestClient } from '../testing/use-broker.js';

/** A broker that serves no version above `cap`, as far as it can serve lower ones. */
async function brokerUpTo(cap: number): Promise<{ brokers: string[]; used: Set<string> }> {
  const broker = Broker.open(optionsSchema.parse({}), systemClock, () => {});
  const used = new Set<string>();
  const capped = ({ api, handle }: Route): Route => {
    // Metadata 0 names no controller, without which kafkajs administers nothing.
    const min = api.name === 'Metadata' ? 1 : api.versions[0];
    const max = api.versions[1];
    return {
      api: { ...api, versions: [min, Math.max(min, Math.min(max, cap))] },
      handle: (request, call) => {
        used.add(`${api.name} ${call.version}`);
        return handle(request, call);
      },
    };
  };
  const routes: Route[] = allRoutes(broker, () => {}).map(capped);
  // ApiVersions has to tell of the caps too.
  const told = routes.map(({ api }) => ({
    key: api.key,
    minVersion: api.advertisedFrom,
    maxVersion: api.versions[1],
  }));
  const served = routes.map((route) =>
    route.api.name === 'ApiVersions'
      ? { ...route, handle: () => ({ errorCode: 0, apis: told }) }
      : route,
  );
  const server = await TcpServer.listen('127.0.0.1', 0, {
    dispatcher: new RequestDispatcher(served, new FaultRules(), systemClock),
    node: 1,
    nextConnection: () => 1,
    maxRequestBytes: 1_000_000,
    maxConnections: 10,
    log: (line) => {
      throw new Error(line);
    },
  });
  broker.cluster.join({ nodeId: 1, host: '127.0.0.1', port: server.port });
  onTestFinished(async () => {
    await server.close();
    await broker.close();
  });
  return { brokers: [`127.0.0.1:${server.port}`], used };
}

describe('versions below the newest, as kafkajs reads and writes them', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('up to %i', async (cap) => {
    const { brokers, used } = await brokerUpTo(cap);
    const client = new TestClient({ brokers });
    const admin = await client.admin();
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2, replicationFactor: 1 }] });
    const producer = await client.producer();
    await producer.send({
      topic: 't',
      messages: Array.from({ length: 20 }, (_, n) => ({ key: `${n}`, value: `v${n}` })),
    });
    expect(await client.read('g', ['t'], (all) => all.length === 20)).toHaveLength(20);
    const [committed] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] });
    expect(committed?.partitions.reduce((sum, { offset }) => sum + Number(offset), 0)).toBe(20);
    expect(await admin.fetchTopicOffsets('t')).toHaveLength(2);
    const { groups } = await admin.describeGroups(['g']);
    expect(groups).toMatchObject([{ groupId: 'g', state: 'Empty' }]);
    expect((await admin.listGroups()).groups).toHaveLength(1);
    const resource = { type: ConfigResourceTypes.TOPIC, name: 't' };
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '12345' }] }],
    });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ ...resource, configNames: ['retention.ms'] }],
    });
    expect(resources[0]?.configEntries[0]?.configValue).toBe('12345');
    await admin.createPartitions({ topicPartitions: [{ topic: 't', count: 3 }] });
    await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '-1' }] });
    await admin.deleteGroups(['g']);
    await admin.deleteTopics({ topics: ['t'] });
    expect(await admin.listTopics()).toEqual([]);
    expect(used.size).toBeGreaterThanOrEqual(20);
    for (const one of used) expect(Number(one.split(' ')[1])).toBeLessThanOrEqual(Math.max(cap, 4));
  });
});
