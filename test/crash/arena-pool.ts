/** Lends what is there to one borrower after the other. */
export class Pool<T> {
  readonly #free: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  add(item: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(item);
    else next(item);
  }

  async use<R>(fn: (item: T) => Promise<R>): Promise<R> {
    const item =
      this.#free.pop() ?? (await new Promise<T>((resolve) => this.#waiting.push(resolve)));
    try {
      return await fn(item);
    } finally {
      this.add(item);
    }
  }
}
