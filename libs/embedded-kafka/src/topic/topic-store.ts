import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@rookery/core';
import type { Leadership } from '../cluster/leadership.js';
import { PartitionLog, type LogConfig } from '../log/partition-log.js';
import { ErrorCode, ProtocolError } from '../protocol/error-code.js';
import { FilePool } from '../storage/file-pool.js';
import { fileSegments } from '../storage/file-segments.js';
import { memorySegments } from '../storage/memory-segments.js';
import type { Journal } from '../storage/journal.js';
import { checkConfig, logConfigOf, topicConfigs } from './topic-config.js';
import { TOPIC_NAME } from './topic-name.js';

/** A topic as kept between starts. */
export interface StoredTopic {
  readonly id: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
  /** Lowest readable offset per partition where records were deleted. */
  readonly startOffsets: Readonly<Record<number, number>>;
}

/** A topic and its logs. */
export interface Topic {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly partitions: readonly PartitionLog[];
  /** Configs that were set; the others have their defaults. */
  readonly configs: Readonly<Record<string, string>>;
}

interface OpenTopic extends Topic {
  readonly partitions: PartitionLog[];
  configs: Readonly<Record<string, string>>;
  startOffsets: Record<number, number>;
  logConfig: LogConfig;
}

/** What a {@link TopicStore} needs. */
export interface TopicStoreOptions {
  readonly journal: Journal<StoredTopic>;
  /** Parent of all logs; in memory when absent. */
  readonly directory?: string | undefined;
  readonly fsync: boolean;
  readonly maxPartitions: number;
  readonly defaultPartitions: number;
  readonly retentionBytes: number;
  readonly retention: number;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** All topics of the broker. */
export class TopicStore {
  /** The topic configs served. */
  readonly configs: ReturnType<typeof topicConfigs>;
  readonly #topics = new Map<string, OpenTopic>();
  readonly #files = new FilePool();
  readonly #deleted = new Set<(name: string, id: string) => void>();

  constructor(private readonly options: TopicStoreOptions) {
    this.configs = topicConfigs(options);
    for (const [name, stored] of options.journal.entries()) this.#open(name, stored);
    this.#removeOrphans();
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** In the order of their creation. */
  all(): Topic[] {
    return [...this.#topics.values()];
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  partition(name: string, index: number): PartitionLog {
    const log = this.#topics.get(name)?.partitions[index];
    if (log !== undefined) return log;
    throw unknownTopic(`${name}-${index}`);
  }

  /** Copies that must be up for a produce with acks=all. */
  minInSync(name: string): number {
    return Number(this.#topics.get(name)?.configs['min.insync.replicas'] ?? 1);
  }

  /** Calls `listener` with the name and id of each topic deleted from now on. */
  onDelete(listener: (name: string, id: string) => void): void {
    this.#deleted.add(listener);
  }

  /**
   * @param partitions -1 for the default number
   * @param dryRun only checks
   * @param replicas the nodes of each partition; by default spread over all
   * @throws ProtocolError when the name, the number or a config is not acceptable
   */
  create(
    name: string,
    partitions: number,
    configs: Readonly<Record<string, string>>,
    dryRun = false,
    replicas?: (partitions: number) => readonly (readonly number[])[],
  ): { partitions: number; id: string } {
    if (!TOPIC_NAME.test(name)) {
      throw new ProtocolError(
        ErrorCode.INVALID_TOPIC,
        `'${name.slice(0, 260)}': a topic name is 1 to 249 letters, digits, '.', '_' or '-'`,
      );
    }
    if (this.#topics.has(name)) {
      throw new ProtocolError(ErrorCode.TOPIC_ALREADY_EXISTS, `topic ${name} exists`);
    }
    const similar = this.#similar(name);
    if (similar !== undefined) {
      throw new ProtocolError(
        ErrorCode.INVALID_TOPIC,
        `topic ${name} collides with ${similar}: names of metrics take '.' for '_'`,
      );
    }
    const count = partitions === -1 ? this.options.defaultPartitions : partitions;
    this.#checkRoom(count, 0);
    for (const [key, value] of Object.entries(configs)) checkConfig(this.configs, key, value);
    const id = randomUUID().replaceAll('-', '');
    if (dryRun) return { partitions: count, id };
    const stored: StoredTopic = { id, partitions: count, configs, startOffsets: {} };
    this.options.journal.set(name, stored);
    const topic = this.#open(name, stored);
    const { leadership } = this.options;
    if (replicas === undefined) leadership.elect([topic]);
    else leadership.assign(topic, replicas(count));
    return { partitions: count, id };
  }

  /** A topic whose name differs in `.` and `_` alone, which Kafka refuses. */
  #similar(name: string): string | undefined {
    if (!/[._]/.test(name)) return undefined;
    const plain = name.replaceAll('.', '_');
    return [...this.#topics.keys()].find((other) => other.replaceAll('.', '_') === plain);
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION or INVALID_PARTITIONS */
  grow(
    name: string,
    count: number,
    dryRun = false,
    replicas?: readonly (readonly number[])[],
  ): void {
    const topic = this.#existing(name);
    if (count <= topic.partitions.length) {
      throw new ProtocolError(
        ErrorCode.INVALID_PARTITIONS,
        `topic ${name} has ${topic.partitions.length} partitions; the number can only grow`,
      );
    }
    this.#checkRoom(count, topic.partitions.length);
    if (dryRun) return;
    this.#save(topic, { partitions: count });
    const { leadership } = this.options;
    const before = topic.partitions.length;
    for (let index = before; index < count; index++) {
      topic.partitions.push(this.#openLog(topic, index));
    }
    if (replicas === undefined) leadership.elect([topic]);
    else leadership.assign(topic, replicas, before);
  }

  /** @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION */
  delete(name: string): void {
    const topic = this.#existing(name);
    this.options.journal.delete(name);
    this.#topics.delete(name);
    for (const log of topic.partitions) log.remove();
    if (this.options.directory !== undefined) {
      rmSync(join(this.options.directory, topic.id), { recursive: true, force: true });
    }
    for (const listener of this.#deleted) listener(name, topic.id);
  }

  /**
   * Replaces the configs that are set.
   *
   * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION or INVALID_CONFIG
   */
  configure(name: string, configs: Readonly<Record<string, string>>, dryRun = false): void {
    const topic = this.#existing(name);
    for (const [key, value] of Object.entries(configs)) checkConfig(this.configs, key, value);
    if (dryRun) return;
    this.#save(topic, { configs });
    topic.configs = configs;
    topic.logConfig = logConfigOf(this.configs, configs);
    for (const log of topic.partitions) log.enforceRetention();
  }

  /**
   * Deletes the records below `offset`, all for -1.
   *
   * @returns the lowest offset left
   * @throws ProtocolError UNKNOWN_TOPIC_OR_PARTITION or OFFSET_OUT_OF_RANGE
   */
  deleteRecords(name: string, index: number, offset: number): number {
    const log = this.partition(name, index);
    const topic = this.#existing(name);
    const before = offset === -1 ? log.endOffset : offset;
    if (before < 0 || before > log.endOffset) {
      throw new ProtocolError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `offset ${before} is beyond the end ${log.endOffset}`,
      );
    }
    const startOffsets = {
      ...topic.startOffsets,
      [index]: Math.max(before, log.startOffset),
    };
    this.#save(topic, { startOffsets });
    topic.startOffsets = startOffsets;
    log.deleteBefore(before);
    return log.startOffset;
  }

  async close(): Promise<void> {
    const logs = [...this.#topics.values()].flatMap(({ partitions }) => partitions);
    try {
      await Promise.all(logs.map((log) => log.close()));
    } finally {
      this.#files.closeAll();
    }
  }

  #existing(name: string): OpenTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw unknownTopic(name);
    return topic;
  }

  #checkRoom(count: number, existing: number): void {
    if (count < 1) {
      throw new ProtocolError(ErrorCode.INVALID_PARTITIONS, 'a topic has at least one partition');
    }
    const taken = this.all().reduce((sum, { partitions }) => sum + partitions.length, -existing);
    if (taken + count > this.options.maxPartitions) {
      throw new ProtocolError(
        ErrorCode.POLICY_VIOLATION,
        `${taken + count} partitions exceed the broker's maxPartitions=${this.options.maxPartitions}`,
      );
    }
  }

  #save(topic: OpenTopic, change: Partial<StoredTopic>): void {
    this.options.journal.set(topic.name, {
      id: topic.id,
      partitions: topic.partitions.length,
      configs: topic.configs,
      startOffsets: topic.startOffsets,
      ...change,
    });
  }

  #open(name: string, stored: StoredTopic): OpenTopic {
    const topic: OpenTopic = {
      name,
      id: stored.id,
      partitions: [],
      configs: stored.configs,
      startOffsets: { ...stored.startOffsets },
      logConfig: logConfigOf(this.configs, stored.configs),
    };
    for (let index = 0; index < stored.partitions; index++) {
      topic.partitions.push(this.#openLog(topic, index));
    }
    this.#topics.set(name, topic);
    return topic;
  }

  #openLog(topic: OpenTopic, index: number): PartitionLog {
    const { directory, clock, fsync, log, leadership } = this.options;
    return new PartitionLog({
      store:
        directory === undefined
          ? memorySegments()
          : fileSegments(join(directory, topic.id, String(index)), this.#files),
      config: () => topic.logConfig,
      clock,
      fsync,
      startOffset: topic.startOffsets[index] ?? 0,
      leaderEpoch: () => leadership.of(topic, index).epoch,
      log: (line) => log(`${topic.name}-${index}: ${line}`),
    });
  }

  /** Logs of topics whose deletion was recorded but not finished. */
  #removeOrphans(): void {
    const { directory } = this.options;
    if (directory === undefined) return;
    const ids = new Set(this.all().map(({ id }) => id));
    let found: string[] = [];
    try {
      found = readdirSync(directory);
    } catch {
      // No logs yet.
    }
    for (const name of found) {
      if (!ids.has(name)) rmSync(join(directory, name), { recursive: true, force: true });
    }
  }
}

function unknownTopic(name: string): ProtocolError {
  return new ProtocolError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `${name} does not exist`);
}
