import type {
  ConsumerListener,
  ConsumerOptions,
  ConsumerState,
  ConsumerStatus,
  KafkaConsumer,
  TopicPartition,
  TopicPartitionOffset,
} from '../driver/kafka-driver.js';
import { CommitFencedError, KafkaClosedError } from '../kafka.errors.js';
import type { MemoryBroker } from './memory-broker.js';
import { keyOf, type MemoryGroup, type MemoryMember } from './memory-group.js';

const BATCH = 500;

interface Assignment extends TopicPartition {
  position: number;
  paused: boolean;
}

/** A group member that is handed records as soon as they are stored. */
export class MemoryConsumer implements KafkaConsumer, MemoryMember {
  readonly #assigned = new Map<string, Assignment>();
  readonly #group: MemoryGroup;
  #state: ConsumerState = 'new';
  #listener: ConsumerListener | undefined;
  #unlisten: () => void = () => {};
  #pumping = false;

  constructor(
    private readonly broker: MemoryBroker,
    private readonly options: ConsumerOptions,
    private readonly onClose: (consumer: MemoryConsumer) => void,
  ) {
    this.#group = broker.group(options.group);
  }

  get topics(): readonly string[] {
    return this.options.topics;
  }

  get status(): ConsumerStatus {
    return { group: this.options.group, state: this.#state, crashes: 0 };
  }

  async start(listener: ConsumerListener): Promise<void> {
    if (this.#state !== 'new') throw new KafkaClosedError(`consumer of ${this.options.group}`);
    this.#state = 'joining';
    this.#listener = listener;
    this.#unlisten = this.broker.onAppend(() => this.#wake());
    await this.#group.join(this);
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const at of this.#find(partitions)) at.paused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const at of this.#find(partitions)) at.paused = false;
    this.#wake();
  }

  seek(position: TopicPartitionOffset): void {
    for (const at of this.#find([position])) at.position = position.offset;
    this.#wake();
  }

  async commit(positions: readonly TopicPartitionOffset[]): Promise<void> {
    const fault = this.broker.faults.commit?.(this.options.group);
    if (fault !== undefined) throw fault;
    if (this.#state === 'closed') throw new CommitFencedError(this.options.group);
    this.#group.commit(this, positions);
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const joined = this.#state !== 'new';
    this.#state = 'closed';
    this.#unlisten();
    this.#assigned.clear();
    if (joined) await this.#group.leave(this);
    this.onClose(this);
  }

  async revoke(): Promise<void> {
    const partitions = [...this.#assigned.values()];
    this.#assigned.clear();
    if (partitions.length > 0 && this.#state !== 'closed') {
      await this.#listener?.onRevoked(partitions);
    }
  }

  assign(partitions: readonly TopicPartition[]): void {
    if (this.#state === 'closed') return;
    for (const at of partitions) {
      const begin = this.options.startFrom === 'latest' ? this.broker.end(at) : 0;
      this.#assigned.set(keyOf(at.topic, at.partition), {
        ...at,
        position: this.#group.committed(at) ?? begin,
        paused: false,
      });
    }
    this.#state = 'running';
    this.#listener?.onAssigned(partitions);
    this.#wake();
  }

  /** In a task of its own, so that a sender never runs a reader's code. */
  #wake(): void {
    if (this.#pumping || this.#state !== 'running') return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    let more = false;
    for (const at of this.#assigned.values()) {
      if (at.paused || !this.#owns(at)) continue;
      const records = this.broker.read(at, at.position, BATCH);
      const last = records.at(-1);
      if (last === undefined) continue;
      at.position = last.offset + 1;
      more ||= records.length === BATCH;
      this.#listener?.onRecords({
        topic: at.topic,
        partition: at.partition,
        records,
        highWatermark: this.broker.end(at),
      });
    }
    if (more) this.#wake();
  }

  #owns(at: Assignment): boolean {
    return this.#assigned.get(keyOf(at.topic, at.partition)) === at;
  }

  #find(partitions: readonly TopicPartition[]): Assignment[] {
    return partitions.flatMap(({ topic, partition }) => {
      const at = this.#assigned.get(keyOf(topic, partition));
      return at === undefined ? [] : [at];
    });
  }
}
