/** When a registry stops believing that the silent are dead. */
export interface SelfPreservationOptions {
  readonly enabled: boolean;
  /** The part of the fleet that must be missing together. */
  readonly threshold: number;
  /** Below this many instances every lease that runs out is evicted. */
  readonly minInstances: number;
  /** After this many milliseconds the missing are gone for good. */
  readonly giveUpAfter: number;
}

/**
 * Decides whether leases that ran out are dead instances or a sick network. Netflix compares the
 * renewals of the last minute with a threshold, which in a fleet of six or fewer one crash is enough
 * to trip, for ever. Here the question is how large a part of the fleet is missing at once; small
 * fleets are never preserved, and no state of it is for ever.
 */
export class SelfPreservation {
  #since: number | undefined;

  constructor(private readonly options: SelfPreservationOptions) {}

  /** Since when the missing are kept; `undefined` while they are not. */
  get since(): number | undefined {
    return this.#since;
  }

  /**
   * Whether the missing may be evicted.
   *
   * @param now milliseconds since the epoch
   */
  mayEvict(missing: number, total: number, now: number): boolean {
    const { enabled, threshold, minInstances, giveUpAfter } = this.options;
    const isSuspicious = enabled && total >= minInstances && missing > total * threshold;
    if (!isSuspicious) {
      this.#since = undefined;
      return true;
    }
    this.#since ??= now;
    return now - this.#since >= giveUpAfter;
  }
}
