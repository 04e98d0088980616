import type { Journal } from '../storage/journal.js';

/** Ids written off at a time, so that not every producer costs a write. */
const BLOCK = 1_000;
const KEY = 'producerIds';
/** Not 0, which clients send that have none: it would make them pass for the first producer. */
const FIRST = 1;

/** Hands out producer ids, never one twice, also across restarts. */
export class ProducerIds {
  #next: number;
  #reserved: number;

  constructor(private readonly journal: Journal<string | number>) {
    this.#next = Number(journal.get(KEY) ?? FIRST);
    this.#reserved = this.#next;
  }

  next(): number {
    if (this.#next === this.#reserved) {
      this.journal.set(KEY, this.#reserved + BLOCK);
      this.#reserved += BLOCK;
    }
    return this.#next++;
  }
}
