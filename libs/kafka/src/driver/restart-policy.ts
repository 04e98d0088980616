import { backoffDelay, type Clock, type Random } from '@rookery/core';
import { reasonOf } from '../kafka.errors.js';
import type { KafkaLog } from './kafka-driver.js';

const BACKOFF = { initialMs: 250, maxMs: 30_000 };
/** A consumer that has run this long counts as well again. */
const WELL_AFTER_MS = 60_000;

/** Why a consumer stopped; only a crash counts. */
export type StopReason = 'outage' | 'missing-topic' | 'crash';

const HINTS: Partial<Record<StopReason, string>> = {
  outage: 'is kafka running? ',
  'missing-topic': 'was a topic deleted? ',
};

/** What follows a crash. */
export interface RestartDecision {
  /** Whether it was the last one: too many in a row. */
  readonly final: boolean;
  readonly delayMs: number;
}

/**
 * Decides what follows when a consumer stops: outages are waited for without end; other crashes
 * count, and too many of them in a row are final, so that a health check can ask for a new process.
 */
export class RestartPolicy {
  #crashes = 0;
  #attempts = 0;
  #runningSince = 0;
  #lastError: string | undefined;

  constructor(
    private readonly group: string,
    private readonly maxCrashes: number,
    private readonly parts: {
      readonly clock: Clock;
      readonly random: Random;
      readonly log: KafkaLog;
    },
  ) {}

  /** Crashes since it last ran well. */
  get crashes(): number {
    return this.#crashes;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** It runs. */
  running(): void {
    this.#attempts = 0;
    this.#runningSince = this.parts.clock.monotonic();
  }

  /** It has stopped, and says so in the log. */
  stopped(error: unknown, why: StopReason): RestartDecision {
    const { clock, random, log } = this.parts;
    if (clock.monotonic() - this.#runningSince > WELL_AFTER_MS) this.#crashes = 0;
    this.#attempts += 1;
    this.#lastError = reasonOf(error);
    if (why === 'crash') this.#crashes += 1;
    const final = this.#crashes > this.maxCrashes;
    const delayMs = backoffDelay(this.#attempts, BACKOFF, random);
    const next = final ? 'giving up' : `trying again in ${Math.round(delayMs)} ms`;
    log(
      final ? 'error' : 'warn',
      `consumer of group ${this.group} stopped (${this.#lastError}); ` +
        (HINTS[why] ?? `crash ${this.#crashes} of ${this.maxCrashes}; `) +
        next,
    );
    return { final, delayMs };
  }
}
