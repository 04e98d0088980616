import type { Consumer, EachBatchPayload } from 'kafkajs';
import { AbortedError, type Cancel, type Clock, type Random } from '@rookery/core';
import type {
  ConsumerListener,
  ConsumerOptions,
  ConsumerState,
  ConsumerStatus,
  KafkaConsumer,
  KafkaLog,
  TopicPartition,
  TopicPartitionOffset,
} from '../driver/kafka-driver.js';
import { RestartPolicy } from '../driver/restart-policy.js';
import { Signal } from '../driver/signal.js';
import {
  CommitFencedError,
  KafkaClosedError,
  KafkaRequestError,
  KafkaUnavailableError,
} from '../kafka.errors.js';
import { incomingRecords } from './incoming-records.js';
import type { KafkajsClient } from './kafkajs-client.js';
import { isFence, isMissingTopic, isOutage } from './kafkajs-errors.js';
import { isOutdated, type ConsumerHooks } from './kafkajs-internals.js';
import type { KafkajsDriverOptions } from './kafkajs.driver.js';
import { presentTopics } from './present-topics.js';

/** How often topics that are missing are looked for. */
const MISSING_TOPIC_MS = 2_000;
/** How long polls last while some partitions are paused. */
const RESUME_MS = 5;

import { subscribedAssigner } from './subscribed-assigner.js';

/** What a {@link KafkajsConsumer} needs of its driver. */
export interface KafkajsConsumerParts {
  readonly open: () => KafkajsClient;
  readonly settings: KafkajsDriverOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly onClose: (consumer: KafkajsConsumer) => void;
}

interface Session {
  readonly client: KafkajsClient;
  readonly consumer: Consumer;
  /** Happens when the group was joined, or could not be. */
  readonly settled: Signal;
}

/**
 * A group member that survives crashes of kafkajs: each is followed by a new kafkajs consumer after
 * a pause. Outages are waited for without end; other crashes count, and too many of them in a row
 * are final, so that a health check can ask for a new process.
 */
export class KafkajsConsumer implements KafkaConsumer {
  #state: ConsumerState = 'new';
  readonly #restarts: RestartPolicy;
  #session: Session | undefined;
  #listener: ConsumerListener | undefined;
  #assigned: TopicPartition[] = [];
  readonly #joined = new Signal();
  readonly #closing = new AbortController();
  /** Whether kafkajs calls the hooks, which it does only when it is the copy that was patched. */
  #hooked = false;
  readonly #polls = new Set<() => void>();
  readonly #paused = new Set<string>();
  /** Whether a topic was missing, which kafkajs takes for the end of all of them (#1622). */
  #topicMissing = false;

  constructor(
    private readonly options: ConsumerOptions,
    private readonly parts: KafkajsConsumerParts,
  ) {
    this.#restarts = new RestartPolicy(options.group, parts.settings.maxCrashes, parts);
  }

  get status(): ConsumerStatus {
    return {
      group: this.options.group,
      state: this.#state,
      crashes: this.#restarts.crashes,
      lastError: this.#restarts.lastError,
    };
  }

  async start(listener: ConsumerListener, signal?: AbortSignal): Promise<void> {
    if (this.#state !== 'new') throw new KafkaClosedError(`consumer of ${this.options.group}`);
    this.#state = 'joining';
    this.#listener = listener;
    const abort = (): void => this.#joined.fail(new AbortedError(`join of ${this.options.group}`));
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    else void this.#open();
    await this.#joined.wait();
    signal?.removeEventListener('abort', abort);
    if (this.#joined.error !== undefined) throw this.#joined.error;
  }

  pause(partitions: readonly TopicPartition[]): void {
    if (this.#state !== 'running') return;
    for (const at of partitions) this.#paused.add(`${at.topic}/${at.partition}`);
    this.#session?.consumer.pause(grouped(partitions));
  }

  resume(partitions: readonly TopicPartition[]): void {
    if (this.#state !== 'running') return;
    // With nothing to read, kafkajs sleeps through what a poll would take.
    const asleep = this.#paused.size >= this.#assigned.length;
    for (const at of partitions) this.#paused.delete(`${at.topic}/${at.partition}`);
    this.#session?.consumer.resume(grouped(partitions));
    if (asleep) this.#endPolls();
  }

  seek({ topic, partition, offset }: TopicPartitionOffset): void {
    if (this.#state !== 'running') return;
    this.#session?.consumer.seek({ topic, partition, offset: String(offset) });
  }

  async commit(positions: readonly TopicPartitionOffset[]): Promise<void> {
    const { group } = this.options;
    const owned = positions.every((at) =>
      this.#assigned.some(
        ({ topic, partition }) => topic === at.topic && partition === at.partition,
      ),
    );
    if (!owned || this.#session === undefined) throw new CommitFencedError(group);
    try {
      await this.#session.consumer.commitOffsets(
        positions.map(({ topic, partition, offset }) => ({
          topic,
          partition,
          offset: String(offset),
        })),
      );
    } catch (error) {
      if (isFence(error)) throw new CommitFencedError(group, error);
      if (isOutage(error)) {
        throw new KafkaUnavailableError('commit', this.parts.settings.brokers, error);
      }
      throw new KafkaRequestError('commit', error);
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closing.abort();
    this.#joined.fail(new KafkaClosedError(`consumer of ${this.options.group}`));
    const session = this.#session;
    this.#session = undefined;
    this.#assigned = [];
    if (session !== undefined) await this.#end(session);
    this.parts.onClose(this);
  }

  async #open(): Promise<void> {
    const { group, startFrom = 'earliest' } = this.options;
    const { settings } = this.parts;
    const client = this.parts.open();
    const consumer = client.kafka.consumer({
      groupId: group,
      sessionTimeout: settings.sessionTimeoutMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      heartbeatInterval: settings.heartbeatMs,
      maxWaitTimeInMs: settings.maxWaitMs,
      allowAutoTopicCreation: true,
      partitionAssigners: [subscribedAssigner(this.#hooks())],
      // Restarts are ours to decide: kafkajs repeats them without end, or not at all.
      retry: { retries: 5, initialRetryTime: 100, restartOnFailure: async () => false },
    });
    const session = { client, consumer, settled: new Signal() };
    this.#session = session;
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed(session, payload.error));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
      this.#assign(session, payload.memberAssignment),
    );
    try {
      const present = await this.#present();
      await consumer.connect();
      await consumer.subscribe({ topics: present, fromBeginning: startFrom === 'earliest' });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: async (payload) => this.#deliver(session, payload),
      });
      if (present.length < this.options.topics.length) this.#watch(session, present.length);
    } catch (error) {
      this.#crashed(session, error);
    } finally {
      session.settled.set();
    }
  }

  /** The topics to read now: all, unless one was found missing. */
  async #present(): Promise<string[]> {
    const { topics } = this.options;
    if (!this.#topicMissing) return [...topics];
    const present = await presentTopics(this.parts.open, topics);
    if (present.length === 0) throw new KafkaRequestError(`none of ${topics.join(', ')} exists`);
    this.#topicMissing = present.length < topics.length;
    return present;
  }

  /** Begins anew when a topic that was missing is there. */
  #watch(session: Session, present: number): void {
    const { clock, open } = this.parts;
    clock.after(MISSING_TOPIC_MS, async () => {
      if (session !== this.#session) return;
      const now = await presentTopics(open, this.options.topics).catch(() => []);
      if (session !== this.#session) return;
      if (now.length <= present) return this.#watch(session, present);
      this.#session = undefined;
      this.#state = 'restarting';
      await this.#recover(session, false, 0);
    });
  }

  #hooks(): ConsumerHooks {
    const { settings } = this.parts;
    return {
      beforeJoin: async (beat) => {
        this.#hooked = true;
        const revoked = this.#assigned;
        if (revoked.length === 0) return;
        const stop = this.#beatOn(beat);
        try {
          await this.#listener?.onRevoked(revoked);
        } finally {
          stop();
        }
        this.#assigned = [];
      },
      pollMs: () => {
        const { size } = this.#paused;
        // A broker answers one poll after the other: a partition that is resumed waits for the one
        // that was sent without it.
        return size > 0 && size < this.#assigned.length ? RESUME_MS : settings.maxWaitMs;
      },
      onInterrupt: (end) => {
        this.#polls.add(end);
        return () => void this.#polls.delete(end);
      },
    };
  }

  /** kafkajs sends heartbeats between polls only, and there are none while partitions are given back. */
  #beatOn(beat: () => Promise<unknown>): () => void {
    const { clock, settings } = this.parts;
    let cancel: Cancel = () => {};
    const next = (): void => {
      cancel = clock.after(settings.heartbeatMs, () => {
        next();
        // The answer is that the group is rebalancing, which is why we are here.
        beat().catch(() => undefined);
      });
    };
    next();
    return () => cancel();
  }

  #assign(session: Session, assignment: Record<string, number[]>): void {
    if (session !== this.#session) return;
    if (!this.#hooked) {
      this.parts.log(
        'error',
        'two copies of kafkajs are loaded, and the one in use is not patched',
      );
    }
    this.#assigned = Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    this.#state = 'running';
    this.#restarts.running();
    // kafkajs keeps partitions paused across generations; the new owner begins with a clean slate.
    session.consumer.resume(grouped(this.#assigned));
    this.#paused.clear();
    this.#listener?.onAssigned(this.#assigned);
    this.#joined.set();
  }

  #deliver(session: Session, payload: EachBatchPayload): void {
    const { batch, isRunning, isStale, resolveOffset } = payload;
    // What is not resolved is read again, from where reading has to begin.
    if (session !== this.#session || isOutdated(batch) || !isRunning() || isStale()) return;
    const { topic, partition } = batch;
    const records = incomingRecords(topic, partition, batch.messages);
    const highWatermark = Number(batch.highWatermark);
    this.#listener?.onRecords({ topic, partition, records, highWatermark });
    resolveOffset(batch.lastOffset());
  }

  #crashed(session: Session, error: unknown): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    const missing = isMissingTopic(error);
    this.#topicMissing ||= missing;
    const { final, delayMs } = this.#restarts.stopped(
      error,
      missing ? 'missing-topic' : isOutage(error) ? 'outage' : 'crash',
    );
    this.#state = final ? 'failed' : 'restarting';
    void this.#recover(session, final, delayMs);
  }

  async #recover(session: Session, final: boolean, delay: number): Promise<void> {
    const revoked = this.#assigned;
    this.#assigned = [];
    session.client.cut();
    session.consumer.disconnect().catch(() => {});
    if (revoked.length > 0) await this.#listener?.onRevoked(revoked);
    if (final) {
      this.#joined.fail(
        new KafkaRequestError(`join of ${this.options.group}`, this.#restarts.lastError),
      );
      return;
    }
    try {
      await this.parts.clock.sleep(delay, this.#closing.signal);
    } catch {
      return;
    }
    await this.#open();
  }

  async #end({ client, consumer, settled }: Session): Promise<void> {
    const { clock, settings } = this.parts;
    const deadline = new Signal();
    const cancel = clock.after(settings.closeTimeoutMs, () => deadline.set());
    // Leaving takes one request; a broker that is away must not hold up the process. Who is about
    // to join can leave only after that: kafkajs would go away and stay a member.
    await Promise.race([settled.wait(), deadline.wait()]);
    const stopped = consumer.stop().catch(() => {});
    this.#endPolls();
    await Promise.race([stopped, deadline.wait()]);
    cancel();
    client.cut();
    consumer.disconnect().catch(() => {});
  }

  #endPolls(): void {
    for (const end of this.#polls) end();
  }
}

function grouped(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) {
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  }
  return [...topics].map(([topic, numbers]) => ({ topic, partitions: numbers }));
}
