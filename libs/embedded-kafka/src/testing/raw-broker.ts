import { expect } from 'vitest';
import type { EmbeddedKafka, EmbeddedKafkaOptions } from '../index.js';
import { createTopicsApi } from '../protocol/apis/topic-admin.api.js';
import { ProtocolClient } from './protocol-client.js';
import { startBroker } from './use-broker.js';

/** A broker that stops with the test, and a raw connection to it. */
export async function connect(
  options?: EmbeddedKafkaOptions,
): Promise<[ProtocolClient, EmbeddedKafka]> {
  const broker = await startBroker(options);
  return [await ProtocolClient.connect(broker.port), broker];
}

/** A broker of several nodes that stops with the test, and a raw connection to each node. */
export async function connectAll(
  nodes: number,
  options?: EmbeddedKafkaOptions,
): Promise<[Record<number, ProtocolClient>, EmbeddedKafka]> {
  const broker = await startBroker({ ...options, nodes });
  const clients = await Promise.all(broker.brokers.map((at) => connectTo(at)));
  return [Object.fromEntries(clients.map((client, at) => [at + 1, client])), broker];
}

/** A raw connection to `host:port`. */
export function connectTo(address = ''): Promise<ProtocolClient> {
  return ProtocolClient.connect(Number(address.split(':')[1]));
}

/** Creates a topic and checks that it worked. */
export async function createTopic(
  client: ProtocolClient,
  name: string,
  {
    partitions = 1,
    copies = -1,
    configs = {},
  }: { partitions?: number; copies?: number; configs?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const { topics } = await client.call(createTopicsApi, 4, {
    topics: [
      {
        name,
        partitionCount: partitions,
        replicationFactor: copies,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: 1_000,
    validateOnly: false,
  });
  expect(topics[0]?.errorCode).toBe(0);
}
