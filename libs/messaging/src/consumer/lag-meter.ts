import type { Clock } from '@rookery/core';
import type { ConsumerRuntime } from './consumer-runtime.js';

const EVERY_MS = 15_000;

/** Measures every so often how far the groups of a service are behind. */
export class LagMeter {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(
    private readonly runtime: Pick<ConsumerRuntime, 'groups'>,
    private readonly measure: (group: string, topics: readonly string[]) => Promise<void>,
    private readonly clock: Clock,
  ) {}

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    for (;;) {
      try {
        await this.clock.sleep(EVERY_MS, this.#stopped.signal);
      } catch {
        return;
      }
      for (const { group, topics } of this.runtime.groups) {
        // A broker that is away is reported elsewhere; the gauge keeps its last value.
        await this.measure(group, topics).catch(() => undefined);
      }
    }
  }
}
