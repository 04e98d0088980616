import type { Clock } from '@rookery/core';
import type {
  IncomingRecord,
  KafkaConsumer,
  KafkaDriver,
  KafkaLog,
  RecordBatch,
  TopicPartition,
} from '@rookery/kafka';
import { BatchWork, type BatchHandler, type BatchWorkParts } from '../batch/batch-work.js';
import { Backlog, bytesOf } from './backlog.js';
import { CommitLoop } from './commit-loop.js';
import type { ConsumerHandler } from './consumer-handler.js';
import type { MessageProcessor, Progress } from './message-processor.js';
import { laneOf } from './delivery.js';
import type { LaneTask } from './keyed-lanes.js';
import { PartitionSession } from './partition-session.js';
import { RouteTable } from './route-table.js';
import { Slots } from './slots.js';

/** Settings of a {@link GroupConsumer}; durations in milliseconds. */
export interface GroupConsumerOptions {
  readonly group: string;
  /** Records of one partition that may be in memory before it is paused. */
  readonly maxInFlight: number;
  /** Bytes of one partition that may be in memory before it is paused. */
  readonly maxInFlightBytes: number;
  readonly commitIntervalMs: number;
  /** How long running handlers may take when a partition is given back. */
  readonly drainMs: number;
  /**
   * What becomes of a type that no handler takes, on a topic from which commands or replies are
   * taken. Among events it is for somebody else and always skipped.
   */
  readonly unknownType: 'dead-letter' | 'ignore';
}

/** What a {@link GroupConsumer} needs. */
export interface GroupConsumerParts {
  readonly driver: KafkaDriver;
  readonly processor: Pick<MessageProcessor, 'process' | 'unreadable'>;
  readonly batches: BatchWorkParts;
  /** Told of records that no handler takes. */
  readonly onSkipped?: (topic: string, reason: 'unknown-type' | 'tombstone') => void;
  /** The service's limit on handlers that run at once. */
  readonly slots: Slots;
  readonly clock: Clock;
  readonly log: KafkaLog;
}

/** Of a partition: what is in memory. */
interface Load {
  readonly session: PartitionSession;
  /**
   * What has come is begun bit by bit: thousands of records at a time would cost more in garbage
   * than in handling.
   */
  readonly backlog: Backlog;
  /** By consumer. */
  readonly batches: Map<string, BatchWork>;
  /** Of what was begun. */
  bytes: number;
  filling: boolean;
}

/**
 * Reads as one member of a consumer group and hands each record to every handler of its type.
 * Within a partition, records of one key are handled in order, whichever handlers they are for, and
 * those of different keys side by side; offsets are committed only up to the first record that is
 * not finished.
 */
export class GroupConsumer {
  readonly topics: readonly string[];
  readonly #consumer: KafkaConsumer;
  readonly #commits: CommitLoop;
  readonly #routes: RouteTable;
  readonly #loads = new Map<string, Load>();
  readonly #unreadableSlots: Slots;
  /** How long a try of its slowest handler and the pause after it may take, in milliseconds. */
  readonly patienceMs: number;
  /** Records of one partition that may be begun and not finished. */
  readonly #window: number;
  #closing = false;
  #lastProgress: number;

  constructor(
    private readonly options: GroupConsumerOptions,
    private readonly parts: GroupConsumerParts,
    handlers: readonly ConsumerHandler[],
  ) {
    const { driver, slots } = parts;
    this.topics = [...new Set(handlers.flatMap(({ topics }) => topics))].sort();
    this.#routes = new RouteTable(handlers, slots, options.unknownType);
    this.#unreadableSlots = new Slots(1, slots);
    const batches = handlers.map(({ batch }) => batch?.max ?? 0);
    this.#window = Math.max(options.maxInFlight, ...batches);
    this.#lastProgress = parts.clock.monotonic();
    this.patienceMs = Math.max(
      ...handlers.map(({ timeoutMs, retry }) => timeoutMs + retry.backoff.max),
    );
    this.#consumer = driver.consumer({ group: options.group, topics: this.topics });
    this.#commits = new CommitLoop(
      this.#consumer,
      () => [...this.#loads.values()].map(({ session }) => session),
      options.commitIntervalMs,
      parts,
    );
  }

  get group(): string {
    return this.options.group;
  }

  /** The partitions that this member reads. */
  get assigned(): readonly TopicPartition[] {
    return [...this.#loads.values()].map(({ session }) => session.at);
  }

  /** When a try has ended, or records have come, or partitions; by the monotonic clock. */
  get lastProgress(): number {
    return this.#lastProgress;
  }

  /** Records that are in memory. */
  get inFlight(): number {
    let sum = 0;
    for (const { session, backlog } of this.#loads.values()) {
      sum += session.tracker.inFlight + backlog.length;
    }
    return sum;
  }

  /** Resolves when the group was joined. */
  start(signal: AbortSignal): Promise<void> {
    return this.#consumer.start(
      {
        onRecords: (batch) => this.#take(batch),
        onAssigned: (partitions) => this.#assign(partitions),
        onRevoked: (partitions) => this.#revoke(partitions),
      },
      signal,
    );
  }

  /** Lets running handlers finish, commits, and leaves the group. */
  async stop(): Promise<void> {
    this.#closing = true;
    const partitions = [...this.#loads.values()].map(({ session }) => session.at);
    this.#consumer.pause(partitions);
    await this.#revoke(partitions);
    this.#commits.stop();
    await this.#consumer.close();
  }

  #progress(): void {
    this.#lastProgress = this.parts.clock.monotonic();
  }

  #assign(partitions: readonly TopicPartition[]): void {
    if (this.#closing) return;
    this.#progress();
    for (const at of partitions) {
      const session = new PartitionSession(at, this.parts.clock);
      this.#loads.set(partitionKey(at), {
        session,
        backlog: new Backlog(),
        batches: new Map(),
        bytes: 0,
        filling: false,
      });
    }
  }

  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const sessions = partitions.flatMap((at) => {
      const load = this.#loads.get(partitionKey(at));
      return load === undefined ? [] : [load.session];
    });
    await Promise.all(sessions.map((session) => session.stop(this.options.drainMs)));
    await this.#commits.commit(sessions);
    for (const { at } of sessions) this.#loads.delete(partitionKey(at));
  }

  #take({ records, topic, partition }: RecordBatch): void {
    const load = this.#loads.get(partitionKey({ topic, partition }));
    if (load === undefined || load.session.stopped) return;
    this.#progress();
    load.backlog.add(records);
    this.#fill(load);
    this.#limit(load);
  }

  /** Begins what has come, as much at a time as may be in flight. */
  #fill(load: Load): void {
    if (load.filling) return;
    load.filling = true;
    const { session, backlog } = load;
    while (!session.stopped && session.tracker.inFlight < this.#window) {
      const record = backlog.take();
      if (record === undefined) break;
      this.#begin(load, record);
    }
    load.filling = false;
  }

  #begin(load: Load, record: IncomingRecord): void {
    const { session } = load;
    session.tracker.begin(record.offset);
    const destination = this.#routes.destinationOf(record);
    if ('skipped' in destination) {
      this.parts.onSkipped?.(record.topic, destination.skipped);
      session.tracker.finish(record.offset);
      this.#commits.schedule();
      return;
    }
    const bytes = bytesOf(record);
    load.bytes += bytes;
    let open = 'routed' in destination ? destination.routed.length : 1;
    const finish = (): void => {
      open -= 1;
      if (open > 0) return;
      load.bytes -= bytes;
      session.tracker.finish(record.offset);
      this.#commits.schedule();
      this.#fill(load);
      this.#limit(load);
    };
    const { fence } = session;
    const task = (
      slots: Slots,
      work: (progress: Progress) => Promise<number | undefined>,
    ): LaneTask => {
      const progress: Progress = { attempts: 0, outages: 0 };
      return {
        slots,
        run: async () => {
          const again = await work(progress);
          this.#progress();
          if (again === undefined && !fence.aborted) finish();
          return again;
        },
      };
    };
    const { processor } = this.parts;
    if ('unreadable' in destination) {
      const { unreadable } = destination;
      const one = task(this.#unreadableSlots, (progress) =>
        processor.unreadable(this.group, unreadable, progress),
      );
      session.push(laneOf(record), [one]);
      return;
    }
    const inOrder: LaneTask[] = [];
    for (const { handler, slots, delivery } of destination.routed) {
      if (isBatched(handler)) {
        this.#batchesOf(load, handler, slots).add(delivery, finish);
        continue;
      }
      const one = task(slots, (progress) => processor.process(handler, delivery, progress, fence));
      if (handler.ordered) inOrder.push(one);
      else session.push(`${handler.consumer}#${record.offset}`, [one]);
    }
    if (inOrder.length > 0) session.push(laneOf(record), inOrder);
  }

  #batchesOf(load: Load, handler: BatchHandler, slots: Slots): BatchWork {
    let work = load.batches.get(handler.consumer);
    if (work === undefined) {
      work = new BatchWork(handler, slots, load.session, this.parts.batches, () =>
        this.#progress(),
      );
      load.session.attach(work);
      load.batches.set(handler.consumer, work);
    }
    return work;
  }

  /** Stops reading a partition that has too much in memory, and goes on when half of it is done. */
  #limit({ session, backlog, bytes: begun }: Load): void {
    const { maxInFlight, maxInFlightBytes } = this.options;
    const records = session.tracker.inFlight + backlog.length;
    const bytes = begun + backlog.bytes;
    if (!session.paused && (records > maxInFlight || bytes > maxInFlightBytes)) {
      session.paused = true;
      this.#consumer.pause([session.at]);
    } else if (session.paused && records <= maxInFlight / 2 && bytes <= maxInFlightBytes / 2) {
      session.paused = false;
      if (!session.stopped) this.#consumer.resume([session.at]);
    }
  }
}

function isBatched(handler: ConsumerHandler): handler is BatchHandler {
  return handler.batch !== undefined;
}

function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
