/** Whether the process can still do its work; once it cannot, it should be replaced. */
export class Liveness {
  #failure: string | undefined;

  /** Why the process must be replaced; `undefined` while it need not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * Says that this process cannot recover by itself, for example because a worker thread died for
   * good. Not for anything outside of it: replacing the process would not mend that.
   */
  fail(reason: string): void {
    this.#failure ??= reason;
  }
}
