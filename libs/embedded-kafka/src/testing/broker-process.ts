import { EmbeddedKafka } from '../embedded-kafka.js';
import { ProtocolClient } from './protocol-client.js';
import { createTopicsApi } from '../protocol/apis/topic-admin.api.js';

// A broker in a process of its own, for tests that kill it. Has the topic `t`.
const broker = await EmbeddedKafka.start({ dataDirectory: process.argv[2] });
const client = await ProtocolClient.connect(broker.port);
await client.call(createTopicsApi, 2, {
  topics: [{ name: 't', partitionCount: 1, replicationFactor: 1, assignments: [], configs: [] }],
  timeoutMs: 1_000,
  validateOnly: false,
});
client.close();
process.send?.({ port: broker.port });
process.on('disconnect', () => process.exit());
