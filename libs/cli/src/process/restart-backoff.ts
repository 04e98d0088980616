const FIRST_MS = 200;
const LONGEST_MS = 30_000;
const STABLE_MS = 30_000;

/** How long to wait before a crashed process is started again: longer each time, until it held. */
export class RestartBackoff {
  #crashes = 0;

  /** The wait before the next start. `uptimeMs` is how long the process was ready, 0 if never. */
  next(uptimeMs: number): number {
    if (uptimeMs >= STABLE_MS) this.#crashes = 0;
    const wait = Math.min(FIRST_MS * 2 ** this.#crashes, LONGEST_MS);
    this.#crashes += 1;
    return wait;
  }
}
