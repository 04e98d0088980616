/** A header's value; a list when the header occurs more than once. */
export type HeaderValue = Buffer | string | readonly (Buffer | string)[];
/** Headers of a record to send. */
export type RecordHeaders = Readonly<Record<string, HeaderValue>>;

/** A record to send. */
export interface OutgoingRecord {
  readonly topic: string;
  /** Records of one key go to one partition, in order. Without a key any partition will do. */
  readonly key: Buffer | string | null;
  /** `null` is a tombstone. */
  readonly value: Buffer | string | null;
  readonly headers?: RecordHeaders;
  /** Overrides the choice by key. */
  readonly partition?: number;
  /** Milliseconds since the epoch. @default now */
  readonly timestamp?: number;
}

/** A record as it was stored. */
export interface IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[]>>;
  readonly timestamp: number;
}

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A position in a partition. As a commit: the offset of the next record to read. */
export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** Options of {@link KafkaDriver.producer}. */
export interface ProducerOptions {
  /**
   * Whether the broker drops what a retry sends twice. Without it a lost acknowledgement stores a
   * record twice. @default true
   */
  readonly idempotent?: boolean;
}

/** Writes records. */
export interface KafkaProducer {
  /**
   * Resolves when every record is stored by all in-sync replicas. Records of one partition are
   * stored in the order given.
   *
   * @throws KafkaUnavailableError when no broker answers
   * @throws KafkaSendError when a broker refuses; some of the records may be stored all the same
   */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** Options of {@link KafkaDriver.consumer}. */
export interface ConsumerOptions {
  /** Group id, used exactly as written. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Where a group without a committed offset begins. @default 'earliest' */
  readonly startFrom?: 'earliest' | 'latest';
  /**
   * Makes the member static (KIP-345): one that comes back under the same id within the session
   * timeout takes over its partitions without a rebalance. Unique within the group. Not every driver
   * can; those that cannot refuse it.
   */
  readonly instanceId?: string | undefined;
}

/** What a consumer calls. None of it may throw. */
export interface ConsumerListener {
  /**
   * Takes records of one partition, in order. It must return soon: take them into a queue, pause
   * the partition when the queue is full. The group's heartbeats do not depend on it.
   */
  onRecords(batch: RecordBatch): void;
  /** Partitions of the new generation; reading begins at their committed offsets. */
  onAssigned(partitions: readonly TopicPartition[]): void;
  /** The partitions are about to be given back: finish, commit, then resolve. */
  onRevoked(partitions: readonly TopicPartition[]): Promise<void>;
}

/** Records of one partition in the order of their offsets. */
export interface RecordBatch extends TopicPartition {
  readonly records: readonly IncomingRecord[];
  /** Offset that the next record written will get; what is missing until there is the lag. */
  readonly highWatermark: number;
}

/** How a consumer is. `failed` is final: it crashed too often. */
export type ConsumerState = 'new' | 'joining' | 'running' | 'restarting' | 'failed' | 'closed';

/** How a consumer is, for health checks. */
export interface ConsumerStatus {
  readonly group: string;
  readonly state: ConsumerState;
  /** Crashes since it last ran well. */
  readonly crashes: number;
  readonly lastError?: string | undefined;
}

/** Reads records as a member of a group. */
export interface KafkaConsumer {
  /** Resolves when the group was joined for the first time; keeps trying until then. */
  start(listener: ConsumerListener, signal?: AbortSignal): Promise<void>;
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** The next record read of the partition is the one at `offset`. */
  seek(position: TopicPartitionOffset): void;
  /**
   * Remembers positions for the group.
   *
   * @throws CommitFencedError when this member no longer owns a partition
   * @throws KafkaUnavailableError when no broker answers
   */
  commit(positions: readonly TopicPartitionOffset[]): Promise<void>;
  readonly status: ConsumerStatus;
  /** Leaves the group at once, without waiting for a poll to end. Commit before. */
  close(): Promise<void>;
}

/** A topic that shall exist. */
export interface TopicSpec {
  readonly topic: string;
  /** @default the broker's default */
  readonly partitions?: number | undefined;
  /** @default the broker's default */
  readonly replicationFactor?: number | undefined;
}

/** How far a group is behind in one partition. */
export interface PartitionLag extends TopicPartition {
  /** Offset the group has committed; `undefined` before its first commit. */
  readonly committed: number | undefined;
  /** Offset that the next record written will get. */
  readonly end: number;
  /** Records not yet committed. */
  readonly lag: number;
}

/** Looks after topics and groups. */
export interface KafkaAdmin {
  /** Creates what is missing; returns the names created. Existing topics are left as they are. */
  ensureTopics(topics: readonly TopicSpec[]): Promise<readonly string[]>;
  /** How far the group is behind in each partition of the topics. */
  lag(group: string, topics: readonly string[]): Promise<readonly PartitionLag[]>;
  /** Asks a broker for anything at all. @throws KafkaUnavailableError */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A Kafka client library behind one small door, so that none of them leaks into the platform and
 * each can be replaced. All adapters pass the same conformance suite.
 */
export interface KafkaDriver {
  /** Of the adapter: `kafkajs`, `platformatic`, `memory`. */
  readonly name: string;
  producer(options?: ProducerOptions): KafkaProducer;
  consumer(options: ConsumerOptions): KafkaConsumer;
  admin(): KafkaAdmin;
  /** How each consumer that is not closed is. */
  readonly consumers: readonly ConsumerStatus[];
  /** Closes all that the driver has handed out. */
  close(): Promise<void>;
}

/** Where a driver tells what happens to it. */
export type KafkaLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;
