import { backoffDelay, type Cancel, type Clock, type Random } from '@rookery/core';
import type { EurekaClient } from './eureka-client.js';
import { readEvents } from './event-lines.js';

/** What a {@link RegistryPush} is made of. */
export interface RegistryPushOptions {
  readonly client: EurekaClient;
  readonly clock: Clock;
  readonly random: Random;
  /** The registry changed. */
  readonly onChange: () => void;
  /** Nobody listens any more. */
  readonly onLost: () => void;
  /** Listening (again); `restarted` tells whether to another process than before. */
  readonly onFound: (restarted: boolean) => void;
}

const BACKOFF = { initialMs: 250, maxMs: 15_000, spread: [0.5, 1.5] } as const;
/** A server without the stream may be replaced by one that has it. */
const UNSUPPORTED_RETRY_MS = 300_000;

/** Listens to the stream of a registry that pushes its changes, and reconnects when it breaks. */
export class RegistryPush {
  readonly #options: RegistryPushOptions;
  #abort: AbortController | undefined;
  #connected = false;
  #failures = 0;
  #epoch: string | undefined;
  #cancelTimer: Cancel | undefined;
  #closed = false;

  constructor(options: RegistryPushOptions) {
    this.#options = options;
  }

  /** Whether changes are heard of at once now. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Connects, and stays connected until {@link close}. */
  start(): void {
    if (!this.#closed && this.#abort === undefined) void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#abort?.abort();
  }

  async #run(): Promise<void> {
    const { client, clock, random } = this.#options;
    const abort = (this.#abort = new AbortController());
    let delayMs: number;
    try {
      const stream = await client.openStream(abort.signal);
      if (stream === undefined) delayMs = UNSUPPORTED_RETRY_MS;
      else {
        await this.#listen(stream);
        delayMs = backoffDelay(++this.#failures, BACKOFF, random);
      }
    } catch {
      // The fetches beside this stream report an outage; the stream only comes back.
      delayMs = backoffDelay(++this.#failures, BACKOFF, random);
    }
    this.#abort = undefined;
    if (this.#connected) {
      this.#connected = false;
      if (!this.#closed) this.#options.onLost();
    }
    if (!this.#closed) this.#cancelTimer = clock.after(delayMs, () => this.start());
  }

  async #listen(stream: AsyncIterable<Buffer>): Promise<void> {
    for await (const { event, data } of readEvents(stream)) {
      if (this.#closed) return;
      this.#failures = 0;
      if (event !== 'registry') continue;
      const epoch = epochOf(data);
      const isNew = this.#epoch !== undefined && epoch !== this.#epoch;
      const begins = !this.#connected || isNew;
      this.#epoch = epoch;
      this.#connected = true;
      if (begins) this.#options.onFound(isNew);
      else this.#options.onChange();
    }
  }
}

/** Which start of the server an event comes from; servers that do not say are taken for one. */
function epochOf(data: string): string {
  try {
    const { epoch } = JSON.parse(data) as { epoch?: unknown };
    return String(epoch);
  } catch {
    return 'unknown';
  }
}
