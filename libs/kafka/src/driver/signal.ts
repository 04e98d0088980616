/** Something that happens at most once, and that many can wait for. */
export class Signal {
  error: Error | undefined;
  #happened = false;
  #resolve: () => void = () => {};
  readonly #promise = new Promise<void>((resolve) => (this.#resolve = resolve));

  /** It has happened. */
  set(): void {
    this.#happened = true;
    this.#resolve();
  }

  /** It will never happen; does nothing when it has. Waiters look at `error`. */
  fail(error: Error): void {
    if (!this.#happened) this.error ??= error;
    this.set();
  }

  wait(): Promise<void> {
    return this.#promise;
  }
}
