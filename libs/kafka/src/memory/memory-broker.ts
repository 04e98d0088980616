import type { IncomingRecord, OutgoingRecord, TopicPartition } from '../driver/kafka-driver.js';
import { partitionOf } from '../driver/murmur2.js';
import { MemoryGroup } from './memory-group.js';

/** Options of {@link MemoryBroker}. */
export interface MemoryBrokerOptions {
  /** Partitions of a topic that nobody has created. @default 3 */
  readonly defaultPartitions?: number;
  /** Records kept per partition; older ones are dropped. @default 100,000 */
  readonly retainedRecords?: number;
}

/** Lets a test make an operation fail: return an error, or nothing to let it pass. */
export interface MemoryFaults {
  /** Before anything is stored. */
  send?: (records: readonly OutgoingRecord[]) => Error | undefined;
  /** After everything is stored: the acknowledgement is lost. */
  acknowledge?: (records: readonly OutgoingRecord[]) => Error | undefined;
  commit?: (group: string) => Error | undefined;
  ping?: () => Error | undefined;
}

interface Partition {
  /** Offset of the first record still kept. */
  start: number;
  records: IncomingRecord[];
}

/**
 * Topics and groups in memory: what several {@link MemoryKafkaDriver} have in common. No network,
 * no protocol, no timers; for unit tests, where the engine under test is the point.
 */
export class MemoryBroker {
  readonly faults: MemoryFaults = {};
  readonly #defaultPartitions: number;
  readonly #retained: number;
  readonly #topics = new Map<string, Partition[]>();
  readonly #groups = new Map<string, MemoryGroup>();
  readonly #listeners = new Set<() => void>();
  #unkeyed = 0;

  constructor(options: MemoryBrokerOptions = {}) {
    this.#defaultPartitions = options.defaultPartitions ?? 3;
    this.#retained = options.retainedRecords ?? 100_000;
  }

  /** Creates a topic unless it exists; returns whether it did. */
  createTopic(topic: string, partitions = this.#defaultPartitions): boolean {
    if (this.#topics.has(topic)) return false;
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => ({ start: 0, records: [] })),
    );
    return true;
  }

  /** The partitions of a topic, which is created if need be. */
  partitions(topic: string): TopicPartition[] {
    return this.#topic(topic).map((_, partition) => ({ topic, partition }));
  }

  /** Stores a record. */
  append(record: OutgoingRecord, now: number): IncomingRecord {
    const partitions = this.#topic(record.topic);
    const key = record.key === null ? null : Buffer.from(record.key);
    const index =
      record.partition ??
      (key === null ? this.#unkeyed++ % partitions.length : partitionOf(key, partitions.length));
    const partition = partitions[index];
    if (partition === undefined) throw new Error(`${record.topic} has no partition ${index}`);
    const stored: IncomingRecord = {
      topic: record.topic,
      partition: index,
      offset: partition.start + partition.records.length,
      key,
      value: record.value === null ? null : Buffer.from(record.value),
      headers: Object.fromEntries(
        Object.entries(record.headers ?? {}).map(([name, value]) => [
          name,
          typeof value === 'string' || Buffer.isBuffer(value)
            ? Buffer.from(value)
            : value.map((item) => Buffer.from(item)),
        ]),
      ),
      timestamp: record.timestamp ?? now,
    };
    partition.records.push(stored);
    if (partition.records.length > this.#retained * 1.1) {
      partition.start += partition.records.length - this.#retained;
      partition.records = partition.records.slice(-this.#retained);
    }
    return stored;
  }

  /** Records from an offset on, at most `limit`. */
  read({ topic, partition }: TopicPartition, offset: number, limit: number): IncomingRecord[] {
    const { start, records } = this.#partition(topic, partition);
    const from = Math.max(0, offset - start);
    return records.slice(from, from + limit);
  }

  /** Everything still kept of a topic, by partition and offset. */
  records(topic: string): IncomingRecord[] {
    return this.#topic(topic).flatMap(({ records }) => records);
  }

  /** Offset that the next record of the partition will get. */
  end({ topic, partition }: TopicPartition): number {
    const { start, records } = this.#partition(topic, partition);
    return start + records.length;
  }

  /** The group of that name. */
  group(name: string): MemoryGroup {
    let group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, (group = new MemoryGroup(name, this)));
    return group;
  }

  /** Calls `listener` after each send, until the returned function is called. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells consumers that there is something new. */
  announce(): void {
    for (const listener of this.#listeners) listener();
  }

  #topic(topic: string): Partition[] {
    this.createTopic(topic);
    return this.#topics.get(topic) ?? [];
  }

  #partition(topic: string, partition: number): Partition {
    return this.#topic(topic)[partition] ?? { start: 0, records: [] };
  }
}
