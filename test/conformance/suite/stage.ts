import { randomUUID } from 'node:crypto';
import { Refusal, type Client } from '../port/client.js';
import { NotOffered } from '../workers/command-client.js';
import type {
  ConsumerOptions,
  Isolation,
  Operation,
  Operations,
  OutgoingRecord,
  Position,
  ProducerOptions,
  ReceivedRecord,
} from '../port/operations.js';
import type { Scenery } from './scenery.js';
import { until } from './until.js';

const RECEIVE_MS = 15_000;
const POLL_MS = 2_000;

/** What {@link Stage.read} reads, and how. */
export interface Reading {
  readonly partition?: number;
  readonly from?: Position;
  readonly isolation?: Isolation;
  readonly withinMs?: number;
}

/** A client on a broker, as a check uses it. What it opens is closed when the check ends. */
export class Stage {
  readonly #cleanups: (() => Promise<unknown>)[] = [];

  constructor(
    /** Short, e.g. `kafkajs`. */
    private readonly clientName: string,
    readonly client: Client,
    private readonly scenery: Scenery,
    private readonly startAnother: () => Promise<Client>,
  ) {}

  call<O extends Operation>(operation: O, args: Operations[O][0]): Promise<Operations[O][1]> {
    return this.client.call(operation, args);
  }

  /** A name that no other check has. */
  name(prefix: string): string {
    return `${prefix}-${randomUUID()}`;
  }

  /** A topic that is there, whether the client can create one or not. */
  topic(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    return this.scenery.topic('plain', partitions, configs);
  }

  /** A topic of the listener that asks for a login: some brokers have another behind it. */
  topicBehindLogin(): Promise<string> {
    return this.scenery.topic('sasl', 1, {});
  }

  /** A group with a member that stays, of another client. */
  async joinedByAnother(topic: string): Promise<string> {
    const group = this.name('g');
    this.#cleanups.push(await this.scenery.member(group, topic));
    return group;
  }

  /** A group without members, for which another client sent so many records and committed so many. */
  async leftByAnother(topic: string, sent: number, committed: number): Promise<string> {
    const group = this.name('g');
    await this.scenery.records(topic, sent);
    await this.scenery.commit(group, topic, committed);
    return group;
  }

  /** The id of a transaction that another client keeps open. */
  async openTransaction(topic: string): Promise<string> {
    const transactionalId = this.name('tx');
    this.#cleanups.push(await this.scenery.transaction(transactionalId, topic));
    return transactionalId;
  }

  /** The name of an open producer. */
  async producer(options: Omit<ProducerOptions, 'producer'> = {}): Promise<string> {
    const producer = this.name('p');
    await this.call('openProducer', { producer, ...options });
    this.#cleanups.push(() => this.call('closeProducer', { producer }));
    return producer;
  }

  /** The name of an open consumer. */
  async consumer(options: Omit<ConsumerOptions, 'consumer'>): Promise<string> {
    const consumer = this.name('c');
    await this.call('openConsumer', { consumer, ...options });
    this.#cleanups.push(() => this.call('closeConsumer', { consumer }));
    return consumer;
  }

  /** Sends with a producer of its own, and tells where the records went. */
  async send(
    topic: string,
    records: readonly OutgoingRecord[],
    options: Omit<ProducerOptions, 'producer'> = {},
  ): Promise<Operations['send'][1]['sent']> {
    const producer = this.name('p');
    await this.call('openProducer', { producer, ...options });
    try {
      return (await this.call('send', { producer, topic, records })).sent;
    } finally {
      await this.call('closeProducer', { producer });
    }
  }

  /** Reads that many records of a topic with a consumer of its own. */
  async read(topic: string, count: number, how: Reading = {}): Promise<ReceivedRecord[]> {
    const consumer = this.name('c');
    const { partition = 0, from = 'earliest', isolation, withinMs = RECEIVE_MS } = how;
    const assign =
      this.client.offers.has('assign') && (how.partition !== undefined || from !== 'earliest');
    await this.call('openConsumer', {
      consumer,
      ...(assign
        ? { assign: [{ topic, partition, from }] }
        : { group: this.name('reader'), topics: [topic] }),
      ...(isolation === undefined ? {} : { isolation }),
    });
    try {
      return await this.#distinct(consumer, count, withinMs);
    } finally {
      await this.call('closeConsumer', { consumer });
    }
  }

  /** A group that joins again reads again what it did not commit: each record counts once. */
  async #distinct(consumer: string, count: number, withinMs: number): Promise<ReceivedRecord[]> {
    const late = AbortSignal.timeout(withinMs);
    const seen = new Map<string, ReceivedRecord>();
    while (seen.size < count && !late.aborted) {
      const missing = { consumer, count: count - seen.size, withinMs: POLL_MS };
      for (const record of (await this.call('receive', missing)).records) {
        const id = `${record.partition}:${record.offset}`;
        if (!seen.has(id)) seen.set(id, record);
      }
    }
    return [...seen.values()];
  }

  /** Receives that many records, or fails. */
  async receive(consumer: string, count: number, withinMs = RECEIVE_MS): Promise<ReceivedRecord[]> {
    const { records } = await this.call('receive', { consumer, count, withinMs });
    if (records.length < count) {
      throw new Error(`received ${records.length} of ${count} records within ${withinMs} ms`);
    }
    return records;
  }

  /** Asks until the answer satisfies. */
  until<T>(ask: () => Promise<T>, satisfies: (answer: T) => boolean): Promise<T> {
    return until(ask, satisfies);
  }

  /** Asks until what was just created is known everywhere. */
  async settled<T>(ask: () => Promise<T>): Promise<T> {
    const tried = await until(
      () =>
        ask().then(
          (answer) => ({ answer }),
          (error: unknown) => ({ error }),
        ),
      (each) =>
        'answer' in each ||
        !(each.error instanceof Refusal && each.error.code === 'UNKNOWN_TOPIC_OR_PARTITION'),
    );
    if ('answer' in tried) return tried.answer;
    throw tried.error;
  }

  /** The partitions of a topic that a member has, once it has that many. */
  async assigned(consumer: string, topic: string, count: number): Promise<number[]> {
    const { partitions } = await this.until(
      () => this.call('assignment', { consumer }),
      (answer) => answer.partitions[topic]?.length === count,
    );
    return partitions[topic]!.toSorted((a, b) => a - b);
  }

  /** The code with which an operation is refused. */
  async refused(operation: Promise<unknown>): Promise<string> {
    try {
      await operation;
    } catch (error) {
      if (error instanceof Refusal && !(error instanceof NotOffered)) return error.code;
      throw error;
    }
    return 'NOT_REFUSED';
  }

  /** What to expect: the same of all clients, but for those that have a way of their own. */
  expected<T>(usual: T, ownWays: Readonly<Record<string, T>>): T {
    return Object.hasOwn(ownWays, this.clientName) ? ownWays[this.clientName]! : usual;
  }

  /** The same client in another process, which may be killed. */
  async another(): Promise<Client> {
    const client = await this.startAnother();
    this.#cleanups.push(() => client.close());
    return client;
  }

  /** Closes what is still open; what the check closed itself is no trouble. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#cleanups.map((cleanup) => cleanup()));
  }
}

/** Values as text. */
export function values(records: readonly ReceivedRecord[]): (string | null)[] {
  return records.map(({ value }) => (value === null ? null : value.toString()));
}
