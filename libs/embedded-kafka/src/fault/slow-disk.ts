import type { Clock } from '@rookery/core';
import type { Route } from '../server/route.js';

/** APIs that append to a log or a journal. */
const WRITING: ReadonlySet<string> = new Set([
  'Produce',
  'OffsetCommit',
  'TxnOffsetCommit',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'EndTxn',
  'DeleteRecords',
]);

/** A disk that takes its time, as seen by what is written to it. */
export class SlowDisk {
  #ms = 0;

  constructor(
    private readonly clock: Clock,
    /** Whether an answer waits for a sync as well. */
    private readonly fsync: boolean,
  ) {}

  /** How long an append takes from now on, and a sync once more; 0 for as long as it does. */
  set(ms: number): void {
    this.#ms = ms;
  }

  /** Lets a route that writes wait for the disk. */
  under(route: Route): Route {
    const { api, handle } = route;
    if (!WRITING.has(api.name)) return route;
    return {
      api,
      handle: (request, call) =>
        this.#ms === 0 ? handle(request, call) : this.#slowly(() => handle(request, call), call),
    };
  }

  async #slowly(handle: () => unknown, { signal }: { signal: AbortSignal }): Promise<unknown> {
    // A client that is gone does not undo what it sent: the write happens all the same.
    await this.clock.sleep(this.#ms, signal).catch(() => {});
    const response = await handle();
    if (this.fsync) await this.clock.sleep(this.#ms, signal).catch(() => {});
    return response;
  }
}
