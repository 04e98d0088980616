import type { Cancel, Clock } from '@rookery/core';
import type { Fleet } from '../fleet/fleet.js';
import type { Sagas } from '../sagas/sagas.js';
import type { LiveState } from './live-state.js';

/**
 * Keeps the live state current while somebody watches, and rests otherwise: a console that nobody
 * looks at costs nothing.
 */
export class Watch {
  #cancel: Cancel | undefined;
  #running = false;
  readonly #closing = new AbortController();

  /**
   * @param isWatched whether anyone looks
   * @param intervalMs time between two rounds
   */
  constructor(
    private readonly state: LiveState,
    private readonly fleet: Fleet,
    private readonly sagas: Sagas,
    private readonly clock: Clock,
    private readonly intervalMs: () => number,
    private readonly isWatched: () => boolean,
  ) {}

  /** Looks at once, and again and again while someone watches. */
  wake(): void {
    if (this.#running || this.#closing.signal.aborted) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#running = true;
    void this.round().finally(() => {
      this.#running = false;
      if (this.#closing.signal.aborted || !this.isWatched()) return;
      this.#cancel = this.clock.after(this.intervalMs(), () => this.wake());
    });
  }

  /** One look at everything. Slow services do not hold back what is known of others. */
  async round(): Promise<void> {
    const { signal } = this.#closing;
    await Promise.all([
      this.fleet.look(signal).then((services) => {
        this.state.replace(
          'service:',
          new Map(services.map((service) => [`service:${service.name}`, service])),
        );
        this.#flush();
      }),
      this.sagas.list(signal).then(({ sagas, counts, problems }) => {
        this.state.replace('saga:', new Map(sagas.map((saga) => [`saga:${saga.id}`, saga])));
        this.state.set('counts', counts);
        this.state.set('problems', problems);
        this.#flush();
      }),
    ]);
  }

  /** Ends looking. */
  close(): void {
    this.#closing.abort();
    this.#cancel?.();
  }

  #flush(): void {
    if (!this.#closing.signal.aborted) this.state.flush();
  }
}
