import type { Clock } from '@rookery/core';
import type { Admin } from 'kafkajs';
import type { KafkaAdmin, PartitionLag, TopicSpec } from '../driver/kafka-driver.js';
import { KafkaClosedError, KafkaRequestError, KafkaUnavailableError } from '../kafka.errors.js';
import type { KafkajsClient } from './kafkajs-client.js';
import { isOutage, isUnsettled } from './kafkajs-errors.js';

/** How often, and for how long, new topics are asked for until a broker knows their leaders. */
const SETTLE_PAUSE_MS = 50;
const SETTLE_LIMIT_MS = 5_000;

interface Session {
  readonly client: KafkajsClient;
  readonly admin: Admin;
  readonly ready: Promise<void>;
}

/** Admin requests over one connection, opened when first needed and again after a failure. */
export class KafkajsAdmin implements KafkaAdmin {
  #session: Session | undefined;
  #closed = false;

  constructor(
    private readonly open: () => KafkajsClient,
    private readonly brokers: readonly string[],
    private readonly onClose: (admin: KafkajsAdmin) => void,
    private readonly clock: Clock,
  ) {}

  ensureTopics(topics: readonly TopicSpec[]): Promise<readonly string[]> {
    return this.#ask('create topics', async (admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter(({ topic }) => !existing.has(topic));
      if (missing.length === 0) return [];
      await admin.createTopics({
        waitForLeaders: false,
        topics: missing.map(({ topic, partitions, replicationFactor }) => ({
          topic,
          numPartitions: partitions ?? -1,
          replicationFactor: replicationFactor ?? -1,
        })),
      });
      const created = missing.map(({ topic }) => topic);
      await this.#settle(admin, created);
      return created;
    });
  }

  lag(group: string, topics: readonly string[]): Promise<readonly PartitionLag[]> {
    return this.#ask('read the lag', async (admin) => {
      const committed = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
      const lags = await Promise.all(
        topics.map(async (topic) => {
          const ends = await admin.fetchTopicOffsets(topic);
          const offsets = committed.find((entry) => entry.topic === topic)?.partitions ?? [];
          return ends.map(({ partition, high, low }): PartitionLag => {
            const offset = Number(
              offsets.find((entry) => entry.partition === partition)?.offset ?? -1,
            );
            const end = Number(high);
            const from = offset < 0 ? Number(low) : offset;
            const known = offset < 0 ? undefined : offset;
            return { topic, partition, committed: known, end, lag: Math.max(0, end - from) };
          });
        }),
      );
      return lags.flat();
    });
  }

  ping(): Promise<void> {
    return this.#ask('ping', async (admin) => void (await admin.describeCluster()));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#session !== undefined) this.#giveUp(this.#session);
    this.onClose(this);
  }

  /**
   * Waits until new topics can be used: in KRaft, brokers hear of them, and begin to lead them, only
   * after the creation was acknowledged. kafkajs fails on a topic that a broker has not heard of,
   * and trusts leaders that do not know they are; so the leaders themselves are asked.
   */
  async #settle(admin: Admin, topics: string[]): Promise<void> {
    const deadline = this.clock.monotonic() + SETTLE_LIMIT_MS;
    for (;;) {
      try {
        await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
        return;
      } catch (error) {
        if (!isUnsettled(error) || this.clock.monotonic() > deadline) throw error;
      }
      await this.clock.sleep(SETTLE_PAUSE_MS);
      if (this.#closed) throw new KafkaClosedError('admin');
    }
  }

  async #ask<T>(operation: string, ask: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#closed) throw new KafkaClosedError('admin');
    const session = (this.#session ??= this.#begin());
    try {
      await session.ready;
      return await ask(session.admin);
    } catch (error) {
      this.#giveUp(session);
      if (isOutage(error)) throw new KafkaUnavailableError(operation, this.brokers, error);
      throw new KafkaRequestError(operation, error);
    }
  }

  #begin(): Session {
    const client = this.open();
    const admin = client.kafka.admin();
    const ready = admin.connect();
    ready.catch(() => {});
    return { client, admin, ready };
  }

  #giveUp(session: Session): void {
    if (this.#session === session) this.#session = undefined;
    session.client.cut();
    session.admin.disconnect().catch(() => {});
  }
}
