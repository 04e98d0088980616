import { backoffDelay, type Clock, type Random } from '@rookery/core';
import {
  KafkaRequestError,
  KafkaSendError,
  reasonOf,
  type KafkaAdmin,
  type KafkaLog,
  type KafkaProducer,
  type TopicSpec,
} from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import { Doorbell } from './doorbell.js';
import type { Outbox, OutboxRow } from './outbox.js';

/** Settings of an {@link OutboxRelay}; durations in milliseconds. */
export interface OutboxRelayOptions {
  /** Rows sent at once. */
  readonly batchSize: number;
  /** Pause after a pass that sent something, for what is not announced by the doorbell. */
  readonly busyPollMs: number;
  /** The longest pause. */
  readonly idlePollMs: number;
  /** How a topic that does not exist is made. */
  readonly topic: Omit<TopicSpec, 'topic'>;
}

/** What an {@link OutboxRelay} needs. */
export interface OutboxRelayParts {
  readonly host: TransactionHost;
  readonly outbox: Outbox;
  readonly producer: KafkaProducer;
  readonly admin: KafkaAdmin;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly onSent?: (topic: string, count: number) => void;
  readonly onFailure?: () => void;
}

/** What a pass has found. */
type Pass = 'idle' | 'locked' | 'sent' | 'full';

const BACKOFF = { initialMs: 200, maxMs: 10_000 };

interface Suspension {
  attempts: number;
  until: number;
}

/**
 * Sends what the outbox holds and removes it once the brokers have it. Any number of relays may
 * run: each pass holds the locks of the lanes it sends, for one transaction. A crash between the
 * acknowledgement and the removal sends rows again, in the same order and with the same ids.
 */
export class OutboxRelay {
  readonly #doorbell: Doorbell;
  readonly #topics = new Set<string>();
  /** Topics that refused records; the others go on meanwhile. */
  readonly #suspended = new Map<string, Suspension>();
  #loop: Promise<void> | undefined;
  #stopping = false;
  #expired = false;
  #lastError: string | undefined;

  constructor(
    private readonly parts: OutboxRelayParts,
    private readonly options: OutboxRelayOptions,
  ) {
    this.#doorbell = new Doorbell(parts.clock);
  }

  /** Why nothing could be sent the last time; `undefined` while all is well. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** There is something to send. */
  readonly ring = (): void => this.#doorbell.ring();

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Sends what is left, until there is nothing more, it fails, or `signal` aborts. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#stopping = true;
    const expire = (): void => {
      this.#expired = true;
      this.#doorbell.ring();
    };
    signal?.addEventListener('abort', expire, { once: true });
    if (signal?.aborted) expire();
    this.#doorbell.ring();
    await this.#loop;
    signal?.removeEventListener('abort', expire);
  }

  async #run(): Promise<void> {
    const { busyPollMs, idlePollMs } = this.options;
    let failures = 0;
    let pause = busyPollMs;
    while (!this.#expired) {
      try {
        const pass = await this.#pass();
        if (failures > 0) this.parts.log('info', 'the outbox sends again');
        failures = 0;
        this.#lastError = undefined;
        if (pass === 'full') continue;
        if (this.#stopping && pass !== 'sent' && pass !== 'locked') return;
        pause = pass === 'sent' ? busyPollMs : Math.min(pause * 2, idlePollMs);
        await this.#doorbell.wait(pause);
      } catch (error) {
        if (this.#stopping) return;
        failures += 1;
        pause = busyPollMs;
        await this.#rest(error, failures);
      }
    }
  }

  async #rest(error: unknown, failures: number): Promise<void> {
    const { clock, random, log, onFailure } = this.parts;
    const delay = backoffDelay(failures, BACKOFF, random);
    this.#lastError = reasonOf(error);
    onFailure?.();
    log(
      'warn',
      `the outbox cannot send (${this.#lastError}); messages wait, ` +
        `trying again in ${Math.round(delay)} ms`,
      { failures },
    );
    // Rings do not shorten this wait: each of them is one more message for the broker that is away.
    const until = clock.monotonic() + delay;
    for (let left = delay; left > 0 && !this.#stopping; left = until - clock.monotonic()) {
      await this.#doorbell.wait(left);
    }
  }

  async #pass(): Promise<Pass> {
    const { host, outbox } = this.parts;
    const occupied = await outbox.occupiedLanes();
    if (occupied.length === 0) return 'idle';
    return host.run(
      async () => {
        const lanes = await outbox.lockLanes(occupied);
        if (lanes.length === 0) return 'locked';
        const { batchSize } = this.options;
        const rows = await outbox.read(lanes, batchSize, this.#suspendedTopics());
        if (rows.length === 0) return 'idle';
        const sent = await this.#send(rows);
        if (sent.length === 0) return 'idle';
        await outbox.remove(sent.map(({ id }) => id));
        return rows.length === batchSize ? 'full' : 'sent';
      },
      { propagation: 'requires-new' },
    );
  }

  /** Sends rows; returns those that were stored. */
  async #send(rows: readonly OutboxRow[]): Promise<readonly OutboxRow[]> {
    const byTopic = new Map<string, OutboxRow[]>();
    for (const row of rows) {
      const { topic } = row.record;
      const group = byTopic.get(topic);
      if (group === undefined) byTopic.set(topic, [row]);
      else group.push(row);
    }
    try {
      await this.#deliver([...byTopic.keys()], rows);
      return this.#sent(rows, byTopic);
    } catch (error) {
      if (!(error instanceof KafkaSendError)) throw error;
      if (byTopic.size === 1) {
        this.#suspend([...byTopic.keys()][0] ?? '', error);
        return [];
      }
    }
    // One topic that refuses, deleted or full say, must not hold up the others.
    const stored: OutboxRow[] = [];
    for (const [topic, group] of byTopic) {
      try {
        await this.#deliver([topic], group);
        stored.push(...this.#sent(group, new Map([[topic, group]])));
      } catch (error) {
        if (!(error instanceof KafkaSendError)) throw error;
        this.#suspend(topic, error);
      }
    }
    return stored;
  }

  async #deliver(topics: readonly string[], rows: readonly OutboxRow[]): Promise<void> {
    const unseen = topics.filter((topic) => !this.#topics.has(topic));
    if (unseen.length > 0) {
      const { topic: shape } = this.options;
      await this.#ensure(unseen.map((topic) => ({ topic, ...shape })));
      for (const topic of unseen) this.#topics.add(topic);
    }
    await this.parts.producer.send(rows.map(({ record }) => record));
  }

  /** A topic that must not be made refuses its records like any other that does. */
  async #ensure(topics: readonly TopicSpec[]): Promise<void> {
    try {
      await this.parts.admin.ensureTopics(topics);
    } catch (error) {
      if (!(error instanceof KafkaRequestError)) throw error;
      throw new KafkaSendError(
        topics.map(({ topic }) => topic),
        error,
      );
    }
  }

  #sent(
    rows: readonly OutboxRow[],
    byTopic: ReadonlyMap<string, readonly OutboxRow[]>,
  ): readonly OutboxRow[] {
    for (const [topic, group] of byTopic) {
      this.#suspended.delete(topic);
      this.parts.onSent?.(topic, group.length);
    }
    return rows;
  }

  #suspend(topic: string, error: KafkaSendError): void {
    const { clock, random, log, onFailure } = this.parts;
    const attempts = (this.#suspended.get(topic)?.attempts ?? 0) + 1;
    const delay = backoffDelay(attempts, BACKOFF, random);
    this.#suspended.set(topic, { attempts, until: clock.monotonic() + delay });
    // It may have been deleted: make sure of it before the next try.
    this.#topics.delete(topic);
    onFailure?.();
    log(
      'warn',
      `topic ${topic} refuses messages (${reasonOf(error)}); they wait, other topics go on, ` +
        `trying again in ${Math.round(delay)} ms`,
    );
  }

  #suspendedTopics(): string[] {
    const now = this.parts.clock.monotonic();
    return [...this.#suspended].filter(([, { until }]) => until > now).map(([topic]) => topic);
  }
}
