import type { ReceivedRecord } from '../port/operations.js';

/** Records as they arrive, for those who ask for a number of them. */
export class Inbox {
  #records: ReceivedRecord[] = [];
  #failure: Error | undefined;
  #wake: () => void = () => {};

  add(record: ReceivedRecord): void {
    this.#records.push(record);
    this.#wake();
  }

  /** All who wait, now or later, are told. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Forgets what no one asked for yet. */
  clear(): void {
    this.#records = [];
  }

  /** That many records as soon as they are there, or what there is after the time. */
  async take(count: number, withinMs: number): Promise<ReceivedRecord[]> {
    const late = AbortSignal.timeout(withinMs);
    late.addEventListener('abort', () => this.#wake());
    while (this.#records.length < count && !late.aborted && this.#failure === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#records.splice(0, this.#records.length);
  }
}
