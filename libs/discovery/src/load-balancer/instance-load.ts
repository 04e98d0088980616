/** What a load balancer knows of one instance from its own calls. */
export class InstanceLoad {
  /** Calls that run. */
  active = 0;
  /** Times in a row that it could not be reached. */
  #unreachable = 0;
  #ejectedUntil = 0;

  constructor(
    /** Which start of the instance this is about. */
    readonly registeredAt: number | undefined,
  ) {}

  isEjected(now: number): boolean {
    return now < this.#ejectedUntil;
  }

  /** It answered, be it with an error: it is there. */
  reached(): void {
    this.#unreachable = 0;
    this.#ejectedUntil = 0;
  }

  /** It could not be reached: passed over for a while, twice as long each time in a row. */
  missed(now: number, ejectionMs: number, maxEjectionMs: number): void {
    const doubled = ejectionMs * 2 ** Math.min(this.#unreachable++, 20);
    this.#ejectedUntil = now + Math.min(maxEjectionMs, doubled);
  }
}
