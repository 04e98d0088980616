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

/** Creates a topic and checks that it worked. */
export async function createTopic(client: ProtocolClient, name: string): Promise<void> {
  const { topics } = await client.call(createTopicsApi, 4, {
    topics: [{ name, partitionCount: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 1_000,
    validateOnly: false,
  });
  expect(topics[0]?.errorCode).toBe(0);
}
