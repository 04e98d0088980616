import { backoffDelay, type Clock, type Random } from '@rookery/core';
import { reasonOf, type KafkaLog } from '@rookery/kafka';
import { Doorbell } from '../outbox/doorbell.js';
import type { DelayedMessages } from './delayed-messages.js';

/** Settings of a {@link DelayTimer}. */
export interface DelayTimerOptions {
  /** The longest pause in milliseconds: by then it finds what other instances left behind. */
  readonly pollMs: number;
  /** Messages moved at once. */
  readonly batchSize: number;
}

const BACKOFF = { initialMs: 200, maxMs: 10_000 };

/** Pause when messages are due that another instance moves, or that are being cancelled. */
const HELD_MS = 25;

/** Sleeps until the next delayed message is due and has it moved. Any number of them may run. */
export class DelayTimer {
  readonly #doorbell: Doorbell;
  #loop: Promise<void> | undefined;
  #stopping = false;
  /** When the pause ends; not yet known while it looks. */
  #until = Infinity;
  /** Whether the pause ends when a message is due. */
  #ripe = false;

  constructor(
    private readonly delayed: Pick<DelayedMessages, 'untilNext' | 'moveDue'>,
    private readonly options: DelayTimerOptions,
    private readonly parts: { clock: Clock; random: Random; log: KafkaLog },
  ) {
    this.#doorbell = new Doorbell(parts.clock);
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends after what it moves at this moment. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#doorbell.ring();
    await this.#loop;
  }

  /** A message was added that is due in so many milliseconds. */
  wakeIn(ms: number): void {
    if (this.parts.clock.monotonic() + ms < this.#until) this.#doorbell.ring();
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.parts;
    let failures = 0;
    while (!this.#stopping) {
      let pause: number;
      this.#until = Infinity;
      // Pauses count from here: time goes on, or is moved by a test, while the database is asked.
      const start = clock.monotonic();
      try {
        pause = await this.#pass();
        if (failures > 0) log('info', 'delayed messages go on');
        failures = 0;
      } catch (error) {
        failures += 1;
        pause = backoffDelay(failures, BACKOFF, random);
        if (failures === 1) {
          log('warn', `delayed messages wait (${reasonOf(error)}); trying again`, { err: error });
        }
      }
      this.#until = start + pause;
      const rest = this.#until - clock.monotonic();
      if (rest > 0) await this.#doorbell.wait(rest);
    }
  }

  /** Returns the pause before the next pass. */
  async #pass(): Promise<number> {
    const { pollMs, batchSize } = this.options;
    // Slept until a message is due: to ask once more would only make it later.
    const ripe = this.#ripe;
    this.#ripe = false;
    if (ripe && (await this.delayed.moveDue(batchSize)) > 0) return 0;
    const wait = await this.delayed.untilNext();
    if (wait === undefined || wait > pollMs) return pollMs;
    if (wait > 0) {
      this.#ripe = true;
      // Rounded up, because timers count whole milliseconds, and one too early is a pass for nothing.
      return Math.ceil(wait);
    }
    return (await this.delayed.moveDue(batchSize)) > 0 ? 0 : HELD_MS;
  }
}
