import { isRookeryError, type Clock } from '@rookery/core';
import type { SagaEngine } from '../engine/saga-engine.js';

/** What a {@link DueTimer} needs. */
export interface DueTimerParts {
  readonly engine: Pick<SagaEngine, 'runDue' | 'nextDue'>;
  readonly clock: Clock;
  /** The longest pause between two looks: what other instances leave behind is found by then. */
  readonly pollIntervalMs: number;
  /** Told when the store cannot be read; told again only after it could. */
  readonly onFailure: (error: unknown) => void;
}

const MAX_FAILURE_PAUSE_MS = 10_000;

/** Works off sagas whose time has come. Several may run on one store, in any number of processes. */
export class DueTimer {
  readonly #stopped = new AbortController();
  #sleep = new AbortController();
  #wakeAt = Infinity;
  #loop: Promise<void> | undefined;

  constructor(private readonly parts: DueTimerParts) {}

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends the loop after the saga that it works on. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#sleep.abort();
    await this.#loop;
  }

  /** Makes sure that it looks at that time, milliseconds since the epoch, at the latest. */
  wakeAt(dueAt: number): void {
    if (dueAt >= this.#wakeAt) return;
    this.#wakeAt = dueAt;
    this.#sleep.abort();
  }

  async #run(): Promise<void> {
    const { engine, clock, pollIntervalMs, onFailure } = this.parts;
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      let pauseMs = pollIntervalMs;
      this.#wakeAt = Infinity;
      try {
        while (!this.#stopped.signal.aborted && (await engine.runDue()));
        const next = await engine.nextDue();
        failures = 0;
        pauseMs = Math.min(pollIntervalMs, Math.max(0, (next ?? Infinity) - clock.now()));
      } catch (error) {
        if (failures++ === 0) onFailure(error);
        pauseMs = Math.min(pollIntervalMs * 2 ** failures, MAX_FAILURE_PAUSE_MS);
      }
      await this.#pause(pauseMs);
    }
  }

  /** Sleeps, but not past what {@link wakeAt} asks for meanwhile. */
  async #pause(pauseMs: number): Promise<void> {
    const { clock } = this.parts;
    const end = clock.now() + pauseMs;
    while (!this.#stopped.signal.aborted) {
      this.#sleep = new AbortController();
      const rest = Math.min(end, this.#wakeAt) - clock.now();
      if (rest <= 0) return;
      try {
        await clock.sleep(rest, this.#sleep.signal);
        return;
      } catch (error) {
        if (!isRookeryError(error)) throw error;
      }
    }
  }
}
