/**
 * A limit on what runs at once, possibly within a wider one. Who does not get a slot is called when
 * one may be free, in the order of asking.
 */
export class Slots {
  readonly #waiting = new Set<() => void>();
  #used = 0;

  constructor(
    private readonly limit: number,
    private readonly parent?: Slots,
  ) {}

  get used(): number {
    return this.#used;
  }

  /** Takes a slot; without one, `retry` is called once when it is worth asking again. */
  take(retry: () => void): boolean {
    if (this.#used >= this.limit) {
      this.#waiting.add(retry);
      return false;
    }
    if (this.parent !== undefined && !this.parent.take(retry)) return false;
    this.#used += 1;
    return true;
  }

  release(): void {
    this.#used -= 1;
    this.parent?.release();
    for (const retry of this.#waiting) {
      if (this.#used >= this.limit) break;
      this.#waiting.delete(retry);
      retry();
    }
  }
}
