/** The last results of a circuit breaker, by number or by time. */
export interface RollingWindow {
  /** Adds a result; `now` is monotonic milliseconds. */
  record(failed: boolean, slow: boolean, now: number): void;
  /** Drops what is too old by `now`. */
  advance(now: number): void;
  readonly calls: number;
  readonly failures: number;
  readonly slowCalls: number;
}

const FAILED = 1;
const SLOW = 2;

/** The last `size` calls, one byte each in a ring. */
export class CountWindow implements RollingWindow {
  calls = 0;
  failures = 0;
  slowCalls = 0;
  readonly #ring: Uint8Array;
  #next = 0;

  constructor(size: number) {
    this.#ring = new Uint8Array(size);
  }

  record(failed: boolean, slow: boolean): void {
    const ring = this.#ring;
    const at = this.#next;
    if (this.calls === ring.length) {
      const oldest = ring[at] as number;
      this.failures -= oldest & FAILED;
      this.slowCalls -= oldest >> 1;
    } else {
      this.calls++;
    }
    if (failed) this.failures++;
    if (slow) this.slowCalls++;
    ring[at] = (failed ? FAILED : 0) | (slow ? SLOW : 0);
    this.#next = at + 1 === ring.length ? 0 : at + 1;
  }

  advance(): void {}
}

const BUCKET_MS = 1_000;
const FIELDS = 3;

/** The calls of the last `durationMs`, summed by the second, as Resilience4j's time-based window. */
export class TimeWindow implements RollingWindow {
  calls = 0;
  failures = 0;
  slowCalls = 0;
  /** Three counts a bucket: calls, failures, slow calls. */
  readonly #buckets: Uint32Array;
  readonly #size: number;
  #second: number;

  constructor(durationMs: number, now: number) {
    this.#size = Math.ceil(durationMs / BUCKET_MS);
    this.#buckets = new Uint32Array(this.#size * FIELDS);
    this.#second = Math.floor(now / BUCKET_MS);
  }

  record(failed: boolean, slow: boolean, now: number): void {
    this.advance(now);
    const at = (this.#second % this.#size) * FIELDS;
    const buckets = this.#buckets;
    buckets[at] = (buckets[at] as number) + 1;
    this.calls++;
    if (failed) {
      buckets[at + 1] = (buckets[at + 1] as number) + 1;
      this.failures++;
    }
    if (slow) {
      buckets[at + 2] = (buckets[at + 2] as number) + 1;
      this.slowCalls++;
    }
  }

  advance(now: number): void {
    const second = Math.floor(now / BUCKET_MS);
    const steps = Math.min(second - this.#second, this.#size);
    if (steps <= 0) return;
    for (let step = 1; step <= steps; step++) this.#clear((this.#second + step) % this.#size);
    this.#second = second;
  }

  #clear(bucket: number): void {
    const at = bucket * FIELDS;
    const buckets = this.#buckets;
    this.calls -= buckets[at] as number;
    this.failures -= buckets[at + 1] as number;
    this.slowCalls -= buckets[at + 2] as number;
    buckets.fill(0, at, at + FIELDS);
  }
}
