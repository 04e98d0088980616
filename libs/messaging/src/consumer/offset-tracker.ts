interface Entry {
  readonly offset: number;
  done: boolean;
}

/**
 * Which records of a partition are finished, when they finish in any order: only what has no gap
 * before it may be committed, or a crash would lose the record in the gap.
 */
export class OffsetTracker {
  readonly #open = new Map<number, Entry>();
  #queue: Entry[] = [];
  #head = 0;
  #position: number | undefined;

  /** Records that are not finished. */
  get inFlight(): number {
    return this.#open.size;
  }

  /** The offset to commit: of the first record that is not finished. `undefined` before any is. */
  get position(): number | undefined {
    return this.#position;
  }

  /** A record has begun. Offsets may have gaps, as compaction and transactions leave them. */
  begin(offset: number): void {
    const entry = { offset, done: false };
    const last = this.#queue.at(-1);
    if (last !== undefined && offset <= last.offset) this.#restartAt(offset);
    this.#open.set(offset, entry);
    this.#queue.push(entry);
  }

  /** A record is finished. */
  finish(offset: number): void {
    const entry = this.#open.get(offset);
    if (entry === undefined) return;
    entry.done = true;
    this.#open.delete(offset);
    for (let next = this.#queue[this.#head]; next?.done; next = this.#queue[this.#head]) {
      this.#position = next.offset + 1;
      this.#head += 1;
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Reading has gone back: what was finished from there on does not count any more. */
  #restartAt(offset: number): void {
    for (const known of this.#open.keys()) if (known >= offset) this.#open.delete(known);
    this.#queue = this.#queue.slice(this.#head).filter((entry) => entry.offset < offset);
    this.#head = 0;
    if (this.#position !== undefined) this.#position = Math.min(this.#position, offset);
  }
}
