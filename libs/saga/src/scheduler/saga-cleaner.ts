import type { Clock } from '@rookery/core';

const EVERY_MS = 3_600_000;

/** Removes sagas that ended long ago, every hour. Several instances may do so at once. */
export class SagaCleaner {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(
    private readonly store: { forget(endedBefore: number): Promise<number> },
    private readonly retentionMs: number,
    private readonly clock: Clock,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const before = this.clock.now() - this.retentionMs;
        while (!signal.aborted && (await this.store.forget(before)) > 0);
      } catch (error) {
        this.onFailure(error);
      }
      await this.clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  }
}
