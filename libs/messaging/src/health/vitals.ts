import type { Clock } from '@rookery/core';
import type { KafkaLog, PartitionLag, TopicPartition } from '@rookery/kafka';

/** A consumer group as this instance takes part in it. */
export interface WatchedGroup {
  readonly group: string;
  readonly topics: readonly string[];
  /** Records in memory. */
  readonly inFlight: number;
  /** What this instance reads. */
  readonly assigned: readonly TopicPartition[];
  /** When a try has ended, or an offset was committed, by the monotonic clock. */
  readonly lastProgress: number;
  /** How long its handlers may take without any of that. */
  readonly patienceMs: number;
}

/** What {@link Vitals} needs. */
export interface VitalsParts {
  readonly groups: () => readonly WatchedGroup[];
  /** Resolves with nothing when it cannot be told by partition. */
  readonly measure: (
    group: string,
    topics: readonly string[],
  ) => Promise<readonly PartitionLag[] | void>;
  readonly backlog: () => Promise<{ readonly oldestSeconds: number }>;
  readonly clock: Clock;
  readonly log: KafkaLog;
}

/** Settings of {@link Vitals}, in milliseconds. */
export interface VitalsOptions {
  /** How long a group may be without progress while there is something to do. */
  readonly wedgedAfterMs: number;
  /** Age of the oldest message not sent from which on the outbox is in trouble. */
  readonly alarmAfterMs: number;
}

/** A group that does nothing although there is something to do. */
export interface StillGroup {
  readonly group: string;
  readonly lag: number;
  readonly inFlight: number;
  readonly stillSeconds: number;
  /**
   * Whether it is stuck for certain: it holds records whose handling does not end, or more arrive
   * and it takes none. A lag that only stays may be what the ends of transactions take up.
   */
  readonly wedged: boolean;
}

/** How far behind a group was when it made progress last, and is now. */
interface Measured {
  progress: number;
  before: number;
  now: number;
}

const EVERY_MS = 15_000;

/**
 * Looks every so often whether consumers get on and the outbox is sent. A consumer can stop without
 * any error; then nothing happens, which only this sees.
 */
export class Vitals {
  readonly #stopped = new AbortController();
  readonly #measured = new Map<string, Measured>();
  readonly #alarmed = new Set<string>();
  #loop: Promise<void> | undefined;

  constructor(
    private readonly options: VitalsOptions,
    private readonly parts: VitalsParts,
  ) {}

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** The groups that make no progress although there is something to do. */
  get still(): StillGroup[] {
    const now = this.parts.clock.monotonic();
    return this.parts.groups().flatMap((watched) => {
      const { group, inFlight, lastProgress, patienceMs } = watched;
      const stillMs = now - lastProgress;
      const measured = this.#measured.get(group);
      const lag = measured?.now ?? 0;
      if (stillMs < Math.max(this.options.wedgedAfterMs, patienceMs)) return [];
      if (inFlight === 0 && lag === 0) return [];
      const grows = measured?.progress === lastProgress && lag > measured.before;
      const wedged = inFlight > 0 || grows;
      return [{ group, lag, inFlight, stillSeconds: Math.round(stillMs / 1_000), wedged }];
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      try {
        await this.parts.clock.sleep(EVERY_MS, this.#stopped.signal);
      } catch {
        return;
      }
      for (const watched of this.parts.groups()) await this.#measure(watched);
      for (const each of this.still) {
        if (!each.wedged) continue;
        this.#alarm(
          `group ${each.group}`,
          `consumers of ${each.group} make no progress for ${each.stillSeconds} s (lag ${each.lag}, ` +
            `in memory ${each.inFlight}); look for handlers that wait, then restart this instance`,
        );
      }
      this.#recover(new Set(this.still.map(({ group }) => `group ${group}`)));
      await this.#watchOutbox();
    }
  }

  async #measure(watched: WatchedGroup): Promise<void> {
    const { group, topics, assigned, lastProgress } = watched;
    // A broker that is away is reported elsewhere; of it, nothing is known.
    const lags = await this.parts.measure(group, topics).catch(() => undefined);
    if (lags === undefined) {
      this.#measured.delete(group);
      return;
    }
    const own = new Set(assigned.map(({ topic, partition }) => `${topic}/${partition}`));
    const now = lags.reduce(
      (sum, { topic, partition, lag }) => sum + (own.has(`${topic}/${partition}`) ? lag : 0),
      0,
    );
    const last = this.#measured.get(group);
    const before = last?.progress === lastProgress ? last.before : now;
    this.#measured.set(group, { progress: lastProgress, before, now });
  }

  async #watchOutbox(): Promise<void> {
    // A database that is away is reported elsewhere.
    const backlog = await this.parts.backlog().catch(() => undefined);
    if (backlog === undefined) return;
    const { oldestSeconds } = backlog;
    if (oldestSeconds * 1_000 > this.options.alarmAfterMs) {
      this.#alarm(
        'outbox',
        `the oldest message of the outbox waits for ${Math.round(oldestSeconds)} s; look at the ` +
          `broker, at messaging.outbox errors before this, and for transactions that stay open`,
      );
    } else if (this.#alarmed.delete('outbox')) this.parts.log('info', 'the outbox is sent again');
  }

  /** Says something once, until it is over. */
  #alarm(what: string, message: string): void {
    if (this.#alarmed.has(what)) return;
    this.#alarmed.add(what);
    this.parts.log('error', message);
  }

  #recover(still: ReadonlySet<string>): void {
    for (const what of this.#alarmed) {
      if (what === 'outbox' || still.has(what)) continue;
      this.#alarmed.delete(what);
      this.parts.log('info', `consumers of ${what.replace('group ', '')} get on again`);
    }
  }
}
