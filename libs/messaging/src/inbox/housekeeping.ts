import type { Clock, Random } from '@rookery/core';
import { reasonOf, type KafkaLog } from '@rookery/kafka';

/** A table that forgets, in batches, so that no lock is held for long. */
export interface Forgetful {
  forgetOlderThan(ageMs: number, signal?: AbortSignal): Promise<number>;
}

/** What is forgotten at which age. */
export interface Chore {
  /** As log lines name it. */
  readonly what: string;
  readonly keeper: Forgetful;
  readonly ageMs: number;
}

const EVERY_MS = 3_600_000;

/** Has tables forget what is too old, every hour. Several instances may do so at once. */
export class Housekeeping {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(
    private readonly chores: readonly Chore[],
    private readonly parts: { clock: Clock; random: Random; log: KafkaLog },
  ) {}

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.parts;
    const { signal } = this.#stopped;
    for (;;) {
      try {
        // By chance within the hour, so that instances do not all clean at the same time.
        await clock.sleep(EVERY_MS * (0.5 + random()), signal);
      } catch {
        return;
      }
      for (const { what, keeper, ageMs } of this.chores) {
        try {
          const forgotten = await keeper.forgetOlderThan(ageMs, signal);
          if (forgotten > 0) log('debug', `the ${what} forgot ${forgotten} messages`);
        } catch (error) {
          log(
            'warn',
            `the ${what} could not be cleaned (${reasonOf(error)}); trying again in an hour`,
          );
        }
      }
    }
  }
}
