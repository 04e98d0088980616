import { backoffDelay, type Clock, type Random } from '@rookery/core';
import type { DriverOptions } from '../driver/driver.options.js';
import type { KafkaProducer, OutgoingRecord, ProducerOptions } from '../driver/kafka-driver.js';
import { partitionOf } from '../driver/murmur2.js';
import { Signal } from '../driver/signal.js';
import { KafkaClosedError, KafkaSendError, KafkaUnavailableError } from '../kafka.errors.js';
import { ClusterMap } from './cluster-map.js';
import type { PlatformaticClient } from './platformatic-client.js';
import { accepted, BrokerRefusal, isOutage } from './platformatic-errors.js';
import {
  produceRound,
  worthAnotherTry,
  type PartitionBatch,
  type ProducerIdentity,
} from './produce-round.js';
import { SendQueue, type Queued } from '../driver/send-queue.js';

const TRIES = 5;
const BACKOFF = { initialMs: 100, maxMs: 1_000 };

interface Session {
  readonly client: PlatformaticClient;
  readonly cluster: ClusterMap;
  /** Undefined without idempotence. */
  readonly identity: ProducerIdentity | undefined;
  /** By partition, the number of the next record. */
  readonly sequences: Map<string, number>;
}

interface Batch extends PartitionBatch {
  readonly queued: Queued[];
}

/** What a {@link PlatformaticProducer} needs of its driver. */
export interface PlatformaticProducerParts {
  readonly open: () => PlatformaticClient;
  readonly settings: DriverOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly onClose: (producer: PlatformaticProducer) => void;
}

/**
 * An idempotent producer. One round of requests is under way at a time, so that a retry never
 * overtakes; what is sent meanwhile goes together in the next. After any failure the producer goes
 * on under a new id, because a broker may hold records under the numbers that would be used next.
 */
export class PlatformaticProducer implements KafkaProducer {
  readonly #queue = new SendQueue((queued) => this.#deliver(queued), true);
  #session: Session | undefined;
  #client: PlatformaticClient | undefined;
  #closed = false;
  #unkeyed = 0;

  constructor(
    private readonly options: ProducerOptions,
    private readonly parts: PlatformaticProducerParts,
  ) {}

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    if (this.#closed) throw new KafkaClosedError('producer');
    const problems = await this.#queue.add(records);
    if (problems.size === 0) return;
    const [cause] = problems.values();
    const { brokers } = this.parts.settings;
    if (this.#closed && isOutage(cause)) throw new KafkaClosedError('producer');
    if ([...problems.values()].every(isOutage)) {
      throw new KafkaUnavailableError('send', brokers, cause);
    }
    throw new KafkaSendError([...problems.keys()], cause);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { clock, settings, onClose } = this.parts;
    const late = new Signal();
    const cancel = clock.after(settings.requestTimeoutMs, () => late.set());
    await Promise.race([this.#queue.idle(), late.wait()]);
    cancel();
    this.#client?.cut();
    this.#session = undefined;
    onClose(this);
  }

  /** Sends what was queued, and tells each record's send of what went wrong with its topic. */
  async #deliver(queued: readonly Queued[]): Promise<void> {
    let session: Session;
    try {
      session = this.#session ??= await this.#begin();
      await this.#know(session, [...new Set(queued.map(({ record }) => record.topic))]);
    } catch (error) {
      this.#giveUp();
      for (const { record, send } of queued) send.problems.set(record.topic, error);
      return;
    }
    const batches = this.#batches(session, queued);
    const failed = await this.#tryOften(session, batches);
    if (failed.length > 0) this.#session = undefined;
    if (failed.some(({ problem }) => isOutage(problem))) this.#giveUp();
    for (const batch of failed) this.#refuse(batch);
  }

  async #tryOften(session: Session, batches: readonly Batch[]): Promise<readonly Batch[]> {
    const { clock, random, settings } = this.parts;
    const { client, cluster, identity } = session;
    const hopeless: Batch[] = [];
    let open = batches;
    for (let attempt = 1; open.length > 0; attempt += 1) {
      const failed = await produceRound(client, cluster, open, identity, settings.requestTimeoutMs);
      const last = attempt === TRIES || this.#closed;
      const again = failed.filter(({ problem }) => !last && worthAnotherTry(problem));
      hopeless.push(...failed.filter((batch) => !again.includes(batch)));
      open = again;
      if (open.length === 0) break;
      await clock.sleep(backoffDelay(attempt, BACKOFF, random));
      const topics = [...new Set(open.map(({ topic }) => topic))];
      for (const topic of topics) cluster.forget(topic);
      try {
        await cluster.know(topics);
      } catch (error) {
        // Nobody knows who leads what now: it is this that is wrong.
        for (const batch of open) batch.problem = error;
        return [...hopeless, ...open];
      }
    }
    return hopeless;
  }

  /** Records of one send do not fail for those of another. */
  #refuse(batch: Batch): void {
    const several = batch.queued.some(({ send }) => send !== batch.queued[0]?.send);
    if (several && !worthAnotherTry(batch.problem)) {
      this.#queue.again(batch.queued);
      return;
    }
    for (const { send } of batch.queued) send.problems.set(batch.topic, batch.problem);
  }

  /** Learns the leaders of topics; one that has just been created may need a moment. */
  async #know({ cluster }: Session, topics: readonly string[]): Promise<void> {
    const { clock, random } = this.parts;
    for (let attempt = 1; ; attempt += 1) {
      await cluster.know(topics);
      if (attempt === TRIES || topics.every((topic) => cluster.usable(topic))) return;
      if (topics.some((topic) => isHopeless(cluster.topic(topic)?.refusal))) return;
      await clock.sleep(backoffDelay(attempt, BACKOFF, random));
    }
  }

  #batches({ cluster, sequences }: Session, queued: readonly Queued[]): Batch[] {
    const batches = new Map<string, Batch>();
    for (const one of queued) {
      const { topic } = one.record;
      const count = cluster.partitions(topic).length;
      if (count === 0 || (one.record.partition ?? 0) >= count) {
        const refusal = cluster.topic(topic)?.refusal ?? 'UNKNOWN_TOPIC_OR_PARTITION';
        one.send.problems.set(topic, new BrokerRefusal(refusal));
        continue;
      }
      const partition = this.#partitionFor(one.record, count);
      const key = `${topic}/${partition}`;
      let batch = batches.get(key);
      if (batch === undefined) {
        const sequence = sequences.get(key) ?? 0;
        batch = { topic, partition, sequence, records: [], queued: [] };
        batches.set(key, batch);
      }
      batch.queued.push(one);
      (batch.records as OutgoingRecord[]).push(one.record);
    }
    for (const [key, { sequence, records }] of batches) {
      // Numbers go on at 0 after the largest, as in Kafka's own client.
      sequences.set(key, (sequence + records.length) % 0x8000_0000);
    }
    this.#unkeyed += 1;
    return [...batches.values()];
  }

  /** Records without a key go to one partition per round, which makes for larger batches. */
  #partitionFor({ partition, key }: OutgoingRecord, count: number): number {
    if (partition !== undefined) return partition;
    if (key === null) return this.#unkeyed % count;
    return partitionOf(typeof key === 'string' ? Buffer.from(key) : key, count);
  }

  async #begin(): Promise<Session> {
    const client = (this.#client ??= this.parts.open());
    const cluster = new ClusterMap(client, true);
    const identity = (this.options.idempotent ?? true) ? await this.#identify(client) : undefined;
    return { client, cluster, identity, sequences: new Map() };
  }

  async #identify(client: PlatformaticClient): Promise<ProducerIdentity> {
    const { errorCode, producerId, producerEpoch } = await client.ask<
      ProducerIdentity & { readonly errorCode: number }
    >(undefined, 'InitProducerId', [null, 0]);
    accepted(errorCode);
    return { producerId, producerEpoch };
  }

  #giveUp(): void {
    this.#session = undefined;
    this.#client?.cut();
    this.#client = undefined;
  }
}

function isHopeless(refusal: string | undefined): boolean {
  return refusal !== undefined && !worthAnotherTry(new BrokerRefusal(refusal));
}
