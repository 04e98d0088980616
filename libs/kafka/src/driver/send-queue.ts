import { groupBy } from './group-by.js';
import type { OutgoingRecord } from './kafka-driver.js';
import { Signal } from './signal.js';
import { sizeOf } from './record-size.js';

/** Below the 1 MiB that brokers take by default, with room for batch overhead. */
const ROUND_BYTES = 700_000;

/** One call of `send`, and what went wrong with its topics. */
export interface PendingSend {
  readonly problems: Map<string, unknown>;
}

/** A record of a send that waits. */
export interface Queued {
  readonly record: OutgoingRecord;
  readonly send: PendingSend;
}

interface Part {
  readonly queued: readonly Queued[];
  readonly bytes: number;
  /** Goes in a round of its own, so that it cannot harm others. */
  readonly alone: boolean;
}

interface Waiting extends PendingSend {
  parts: number;
  readonly done: Signal;
}

/**
 * Sends wait here in order, and go in rounds that are as large as a batch may be. One round is under
 * way at a time, so that none overtakes another that is tried again.
 */
export class SendQueue {
  #parts: Part[] = [];
  #running: Promise<void> | undefined;

  /** @param together whether a round may hold several sends */
  constructor(
    private readonly deliver: (queued: readonly Queued[]) => Promise<void>,
    private readonly together: boolean,
  ) {}

  /** Resolves with what went wrong, by topic, when all records have had their turn. */
  async add(records: readonly OutgoingRecord[]): Promise<ReadonlyMap<string, unknown>> {
    if (records.length === 0) return new Map();
    const done = new Signal();
    const send: Waiting = { problems: new Map(), parts: 0, done };
    let queued: Queued[] = [];
    let bytes = 0;
    const close = (): void => {
      send.parts += 1;
      this.#parts.push({ queued, bytes, alone: !this.together });
    };
    for (const record of records) {
      const size = sizeOf(record);
      if (queued.length > 0 && bytes + size > ROUND_BYTES) {
        close();
        queued = [];
        bytes = 0;
      }
      queued.push({ record, send });
      bytes += size;
    }
    close();
    this.#running ??= this.#run();
    await done.wait();
    return send.problems;
  }

  /** Before all others and each send by itself. */
  again(queued: readonly Queued[]): void {
    const parts = [...groupBy(queued, ({ send }) => send)].map(([send, own]): Part => {
      (send as Waiting).parts += 1;
      return { queued: own, bytes: 0, alone: true };
    });
    this.#parts.unshift(...parts);
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Sends of the same moment go together.
    await Promise.resolve();
    while (this.#parts.length > 0) {
      const round = this.#take();
      // What comes after a record that failed must not be stored before it.
      const queued = round
        .flatMap((part) => part.queued)
        .filter(({ record, send }) => !send.problems.has(record.topic));
      if (queued.length > 0) await this.deliver(queued);
      for (const part of round) {
        const send = part.queued[0]?.send as Waiting;
        send.parts -= 1;
        if (send.parts === 0) send.done.set();
      }
    }
    this.#running = undefined;
  }

  #take(): Part[] {
    let bytes = 0;
    let count = 0;
    for (const part of this.#parts) {
      if (count > 0 && (part.alone || bytes + part.bytes > ROUND_BYTES)) break;
      bytes += part.bytes;
      count += 1;
      if (part.alone) break;
    }
    return this.#parts.splice(0, count);
  }
}
