import type { KafkajsClient } from './kafkajs-client.js';

/** Those of the topics that exist, asked over a connection of its own. */
export async function presentTopics(
  open: () => KafkajsClient,
  topics: readonly string[],
): Promise<string[]> {
  const client = open();
  const admin = client.kafka.admin();
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    return topics.filter((topic) => existing.has(topic));
  } finally {
    client.cut();
    admin.disconnect().catch(() => {});
  }
}
