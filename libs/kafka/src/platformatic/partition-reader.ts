import type { Cancel, Clock } from '@rookery/core';
import type { DriverOptions } from '../driver/driver.options.js';
import type { RecordBatch, TopicPartition } from '../driver/kafka-driver.js';
import { ClusterMap } from './cluster-map.js';
import { fetchFrom, type FetchAnswer } from './fetch-request.js';
import { readableRecords } from './fetched-records.js';
import { listOffsets } from './list-offsets.js';
import type { PlatformaticClient } from './platformatic-client.js';
import { BrokerRefusal, isOutage, LEADER_AWAY, refusalOf } from './platformatic-errors.js';

const RETRY_MS = 250;
/** How long a poll may hold up partitions that come back while it runs. */
const SHORT_POLL_MS = 500;

/** What a {@link PartitionReader} needs. */
export interface PartitionReaderParts {
  /** Connections for questions that are answered at once: a poll holds up what comes behind it. */
  readonly client: PlatformaticClient;
  /** Connections for long polls, and for nothing else. */
  readonly polls: PlatformaticClient;
  /** And for the short ones beside them. */
  readonly express: PlatformaticClient;
  readonly settings: DriverOptions;
  readonly startFrom: 'earliest' | 'latest';
  readonly clock: Clock;
  readonly deliver: (batch: RecordBatch) => void;
  /** Something is wrong that trying again does not cure. */
  readonly fail: (error: unknown) => void;
}

interface Place extends TopicPartition {
  /** Undefined until the log's beginning or end was asked for. */
  offset: number | undefined;
  paused: boolean;
  /** Part of a request under way. */
  busy: boolean;
  /** Changes when what is under way must not count. */
  version: number;
  /** Time before which there is no use in trying. */
  retryAt: number;
}

/** What is under way at a broker. */
interface NodePolls {
  main: 'none' | 'short' | 'long';
  express: boolean;
}

/**
 * Reads the assigned partitions: one long poll per broker, and beside it short ones for partitions
 * that come back in the meantime, until the long one ends and takes them along. Partitions whose leader is away wait without holding up others;
 * those that brought records go to the end of the line, so that a busy one starves nobody.
 */
export class PartitionReader {
  readonly #places = new Map<string, Place>();
  readonly #cluster: ClusterMap;
  readonly #polls = new Map<number, NodePolls>();
  #seeking = false;
  #stopped = false;
  #cancelRetry: Cancel = () => {};

  constructor(private readonly parts: PartitionReaderParts) {
    this.#cluster = new ClusterMap(parts.client, true);
  }

  /** Begins to read; where an offset is missing, from the log's beginning or end, as configured. */
  async assign(
    partitions: readonly TopicPartition[],
    offsets: ReadonlyMap<string, number>,
  ): Promise<void> {
    this.clear();
    for (const { topic, partition } of partitions) {
      const key = keyOf(topic, partition);
      this.#places.set(key, {
        topic,
        partition,
        offset: offsets.get(key),
        paused: false,
        busy: false,
        version: 0,
        retryAt: 0,
      });
    }
    if (partitions.length > 0) await this.#cluster.refresh(this.#topics());
    await this.#seekMissing();
  }

  /** Reads once {@link assign} has been told of. */
  begin(): void {
    // A poll of the last generation may still be under way.
    this.#pump(true);
  }

  /** Reads nothing any more; what is under way does not count. */
  clear(): void {
    this.#cancelRetry();
    this.#places.clear();
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const place of this.#find(partitions)) place.paused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const place of this.#find(partitions)) place.paused = false;
    this.#pump(true);
  }

  seek(at: TopicPartition, offset: number): void {
    for (const place of this.#find([at])) {
      place.offset = offset;
      place.version += 1;
      place.busy = false;
    }
    this.#pump(true);
  }

  stop(): void {
    this.#stopped = true;
    this.clear();
  }

  /** @param urgent whether partitions are to be read now, without waiting for a short poll to end */
  #pump(urgent = false): void {
    if (this.#stopped || this.#places.size === 0) return;
    this.#cancelRetry();
    const now = this.parts.clock.monotonic();
    const byNode = new Map<number, Place[]>();
    let retryAt = Infinity;
    let lost = false;
    for (const place of this.#places.values()) {
      if (place.busy || place.paused) continue;
      if (place.retryAt > now) {
        retryAt = Math.min(retryAt, place.retryAt);
        continue;
      }
      const node = this.#cluster.leader(place.topic, place.partition);
      if (node === undefined || place.offset === undefined) lost = true;
      else byNode.set(node, [...(byNode.get(node) ?? []), place]);
    }
    for (const [node, places] of byNode) this.#begin(node, places, urgent);
    if (lost) void this.#findOut();
    if (retryAt < Infinity) {
      this.#cancelRetry = this.parts.clock.after(retryAt - now, () => this.#pump());
    }
  }

  #begin(node: number, places: readonly Place[], urgent: boolean): void {
    let polls = this.#polls.get(node);
    if (polls === undefined) this.#polls.set(node, (polls = { main: 'none', express: false }));
    const { polls: main, express, settings } = this.parts;
    const shortMs = Math.min(SHORT_POLL_MS, settings.maxWaitMs);
    if (polls.main === 'none') {
      // Those in the express poll join when both have ended, which must not take long then.
      const long = !polls.express;
      polls.main = long ? 'long' : 'short';
      void this.#fetch(main, node, places, long ? settings.maxWaitMs : shortMs).then(() => {
        polls.main = 'none';
        this.#pump();
      });
    } else if (!polls.express && (urgent || polls.main === 'long')) {
      polls.express = true;
      void this.#fetch(express, node, places, shortMs).then(() => {
        polls.express = false;
        this.#pump();
      });
    }
  }

  async #fetch(
    client: PlatformaticClient,
    node: number,
    places: readonly Place[],
    maxWaitMs: number,
  ): Promise<void> {
    const asked = places.map((place) => ({ place, version: place.version }));
    for (const place of places) place.busy = true;
    try {
      const request = fetchFrom(places as readonly (Place & { offset: number })[], this.#cluster);
      const answer = await client.ask<FetchAnswer>(this.#cluster.broker(node), 'Fetch', (version) =>
        request(version, maxWaitMs),
      );
      this.#take(answer, asked);
    } catch (error) {
      if (this.#stopped) return;
      if (!isOutage(error)) return this.parts.fail(error);
      const retryAt = this.parts.clock.monotonic() + RETRY_MS;
      for (const place of places) {
        this.#cluster.forget(place.topic);
        place.retryAt = retryAt;
      }
    } finally {
      for (const { place, version } of asked) if (place.version === version) place.busy = false;
    }
  }

  #take(answer: FetchAnswer, asked: readonly { place: Place; version: number }[]): void {
    const refusal = refusalOf(answer.errorCode);
    if (refusal !== undefined) throw new BrokerRefusal(refusal);
    const versions = new Map(asked.map(({ place, version }) => [place, version]));
    for (const { topicId, partitions } of answer.responses) {
      const topic = this.#cluster.topicOfId(topicId) ?? topicId;
      for (const found of partitions) {
        const key = keyOf(topic, found.partitionIndex);
        const place = this.#places.get(key);
        if (place?.offset === undefined || versions.get(place) !== place.version) continue;
        const reason = refusalOf(found.errorCode);
        if (reason !== undefined) {
          this.#refused(place, reason);
          continue;
        }
        if (place.paused) continue;
        const { records, next } = readableRecords(
          {
            topic,
            partition: place.partition,
            batches: found.records ?? [],
            aborted: found.abortedTransactions ?? [],
          },
          place.offset,
        );
        if (next === place.offset) continue;
        place.offset = next;
        this.#places.delete(key);
        this.#places.set(key, place);
        if (records.length === 0) continue;
        const highWatermark = Number(found.highWatermark);
        this.parts.deliver({ topic, partition: place.partition, records, highWatermark });
        // The listener may have closed the consumer.
        if (this.#stopped) return;
      }
    }
  }

  #refused(place: Place, reason: string): void {
    if (reason === 'OFFSET_OUT_OF_RANGE') {
      place.offset = undefined;
      return;
    }
    if (!LEADER_AWAY.has(reason)) {
      throw new BrokerRefusal(reason, `${place.topic}/${place.partition}`);
    }
    this.#cluster.forget(place.topic);
    place.retryAt = this.parts.clock.monotonic() + RETRY_MS;
  }

  /** Learns leaders and offsets that are missing, one try at a time. */
  async #findOut(): Promise<void> {
    if (this.#seeking) return;
    this.#seeking = true;
    const waiting = [...this.#places.values()].filter(({ busy }) => !busy);
    try {
      await this.#cluster.know([...new Set(waiting.map(({ topic }) => topic))]);
      await this.#seekMissing();
    } catch (error) {
      if (!this.#stopped && !isOutage(error)) this.parts.fail(error);
    } finally {
      this.#seeking = false;
    }
    const retryAt = this.parts.clock.monotonic() + RETRY_MS;
    for (const place of waiting) {
      const { topic, partition, offset } = place;
      if (this.#cluster.leader(topic, partition) === undefined || offset === undefined) {
        place.retryAt = retryAt;
        if (!this.#cluster.usable(topic)) this.#cluster.forget(topic);
      }
    }
    this.#pump();
  }

  async #seekMissing(): Promise<void> {
    const missing = [...this.#places.values()].filter(({ offset }) => offset === undefined);
    if (missing.length === 0) return;
    const { client, startFrom } = this.parts;
    for (const listed of await listOffsets(client, this.#cluster, missing, startFrom)) {
      const place = this.#places.get(keyOf(listed.topic, listed.partition));
      if (place === undefined || place.offset !== undefined) continue;
      if ('offset' in listed) place.offset = listed.offset;
      else if (LEADER_AWAY.has(listed.refusal.reason)) this.#cluster.forget(listed.topic);
      else throw listed.refusal;
    }
  }

  #topics(): string[] {
    return [...new Set([...this.#places.values()].map(({ topic }) => topic))];
  }

  #find(partitions: readonly TopicPartition[]): Place[] {
    return partitions.flatMap(({ topic, partition }) => {
      const place = this.#places.get(keyOf(topic, partition));
      return place === undefined ? [] : [place];
    });
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
