/** Bytes as the checks see them: `null` is Kafka's null, text is UTF-8. */
export type Bytes = string | Uint8Array | null;

/** A record to be sent. Without a partition the client chooses one by the key. */
export interface OutgoingRecord {
  readonly key?: Bytes;
  readonly value: Bytes;
  readonly headers?: readonly (readonly [name: string, value: Bytes])[];
  readonly partition?: number;
  /** Milliseconds. */
  readonly timestamp?: number;
}

/** A record as a client received it. */
export interface ReceivedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

/** Credentials of a login. */
export interface Login {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

/** Where to connect: the listener that asks for a login, or the one that does not, the default. */
export interface Connection {
  readonly listener?: 'plain' | 'sasl';
  readonly login?: Login;
}

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export type Isolation = 'read_uncommitted' | 'read_committed';
export type Position = number | 'earliest' | 'latest';

export interface ProducerOptions extends Connection {
  readonly producer: string;
  readonly acks?: 0 | 1 | -1;
  readonly codec?: Codec;
  readonly idempotent?: boolean;
  readonly transactionalId?: string;
  readonly transactionTimeoutMs?: number;
}

export interface ConsumerOptions extends Connection {
  readonly consumer: string;
  /** Without one the consumer reads what it is assigned, and commits nothing. */
  readonly group?: string;
  readonly topics?: readonly string[];
  readonly assign?: readonly { topic: string; partition: number; from: Position }[];
  /** Where to begin without a committed offset, or when it is out of range; default `earliest`. */
  readonly reset?: 'earliest' | 'latest' | 'none';
  readonly isolation?: Isolation;
  readonly instanceId?: string;
  readonly strategy?: 'range' | 'roundrobin' | 'cooperative-sticky';
  readonly sessionTimeoutMs?: number;
}

export interface GroupMember {
  readonly clientId: string;
  readonly instanceId: string | null;
  /** By topic; `null` when the client does not say. */
  readonly assignment: Readonly<Record<string, number[]>> | null;
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata?: string;
}

type Nothing = Record<string, never>;

/**
 * What a client can be asked to do. All take and give plain JSON, bytes aside, so that a client of
 * any language can sit behind it. A refusal is a {@link Refusal} with the protocol's name for it.
 */
export interface Operations {
  /** Whether one of the nodes is the controller; `null` when the client does not say. */
  describeCluster: [args: Connection, result: { nodes: number; controller: boolean | null }];
  createTopic: [
    args: {
      topic: string;
      partitions?: number;
      replicationFactor?: number;
      configs?: Record<string, string>;
      validateOnly?: boolean;
    },
    result: Nothing,
  ];
  deleteTopic: [args: { topic: string }, result: Nothing];
  listTopics: [args: Connection, result: { topics: string[] }];
  /** `leaders` by partition. */
  describeTopic: [args: { topic: string }, result: { partitions: number; replicas: number }];
  createPartitions: [args: { topic: string; total: number }, result: Nothing];
  deleteRecords: [args: { topic: string; partition: number; before: number }, result: Nothing];
  /** `null` when no record is that young. */
  listOffset: [
    args: {
      topic: string;
      partition: number;
      at: Position | 'max-timestamp' | { timestamp: number };
      isolation?: Isolation;
    },
    result: { offset: number | null },
  ];
  describeConfigs: [
    args: { type: 'topic' | 'broker'; name: string },
    result: { configs: Record<string, { value: string | null; isDefault: boolean }> },
  ];
  /** Replaces all that was set. */
  alterConfigs: [args: { topic: string; configs: Record<string, string> }, result: Nothing];
  incrementalAlterConfigs: [
    args: { topic: string; set?: Record<string, string>; unset?: string[] },
    result: Nothing,
  ];
  listGroups: [args: Nothing, result: { groups: string[] }];
  describeGroup: [
    args: { group: string },
    result: { state: string; protocol: string; members: GroupMember[] },
  ];
  deleteGroup: [args: { group: string }, result: Nothing];
  groupOffsets: [
    args: { group: string; topic: string; partitions: number },
    result: { offsets: (number | null)[]; metadata: (string | null)[] },
  ];
  alterGroupOffsets: [args: { group: string; offsets: CommittedOffset[] }, result: Nothing];
  deleteGroupOffsets: [
    args: { group: string; topic: string; partitions: number[] },
    result: Nothing,
  ];
  /** Their transactional ids. */
  listTransactions: [args: Nothing, result: { transactions: string[] }];
  /** Partitions as `topic-0`. */
  describeTransaction: [
    args: { transactionalId: string },
    result: { state: string; partitions: string[] },
  ];

  openProducer: [args: ProducerOptions, result: Nothing];
  /** Where each record went, in the order sent; offsets are `null` without acknowledgements. */
  send: [
    args: { producer: string; topic: string; records: readonly OutgoingRecord[] },
    result: { sent: { partition: number; offset: number | null }[] | null },
  ];
  begin: [args: { producer: string }, result: Nothing];
  commitTransaction: [args: { producer: string }, result: Nothing];
  abortTransaction: [args: { producer: string }, result: Nothing];
  sendOffsets: [
    args: { producer: string; group: string; offsets: CommittedOffset[] },
    result: Nothing,
  ];
  closeProducer: [args: { producer: string }, result: Nothing];

  openConsumer: [args: ConsumerOptions, result: Nothing];
  /** Resolves with that many records as soon as they are there, with fewer after the time. */
  receive: [
    args: { consumer: string; count: number; withinMs: number },
    result: { records: ReceivedRecord[] },
  ];
  /** What it has now, and what was given and taken since it was opened. */
  assignment: [
    args: { consumer: string },
    result: {
      partitions: Record<string, number[]>;
      history: { event: 'assigned' | 'revoked'; partitions: number[] }[];
    },
  ];
  commitOffsets: [args: { consumer: string; offsets: CommittedOffset[] }, result: Nothing];
  seek: [
    args: { consumer: string; topic: string; partition: number; offset: number },
    result: Nothing,
  ];
  pause: [args: { consumer: string; topic: string; partition: number }, result: Nothing];
  resume: [args: { consumer: string; topic: string; partition: number }, result: Nothing];
  /** Leaves the group, unless it is a static member. */
  closeConsumer: [args: { consumer: string }, result: Nothing];
}

export type Operation = keyof Operations;

/** What some clients can do within the operations, and others cannot. */
export type Feature =
  | `codec:${Codec}`
  | `strategy:${NonNullable<ConsumerOptions['strategy']>}`
  | `login:${Login['mechanism']}`
  | 'acks:0'
  /** It tells where the records it sent went. */
  | 'sent-positions'
  | 'idempotent'
  | 'headers'
  /** More than one header of a name, and null as a header's value. */
  | 'free-headers'
  | 'timestamps'
  /** Times within a batch may be years apart. */
  | 'time-span'
  /** It shows the broker's time where the topic has that. */
  | 'append-time'
  /** It hides every transaction that was aborted. */
  | 'aborts'
  | 'transaction-timeout'
  /** Its consumers stay in their group until they are closed. */
  | 'stays-joined'
  /** Its consumers commit what they gave away when they are closed. */
  | 'commits-on-close'
  /** Its members know what was taken from them. */
  | 'tells-revocation'
  /** A static member is told that another took its name. */
  | 'tells-fencing'
  | 'null-values'
  /** Null and empty are told apart, in keys and values. */
  | 'empty-bytes'
  | 'binary'
  /** Places keys as the Java client does. */
  | 'murmur2'
  | 'static-member'
  /** A consumer without a group. */
  | 'assign'
  | 'reset:none'
  | 'read_committed'
  | 'offset-metadata'
  | 'validate-only'
  | 'max-timestamp'
  | 'listOffset:isolation'
  | 'session-timeout'
  | 'is-default'
  | 'member-assignment';

/** What a check may need of a client. */
export type Need = Operation | Feature;
