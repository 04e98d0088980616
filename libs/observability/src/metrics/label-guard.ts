/** What a label says once it has too many values. */
export const OTHER = 'OTHER';

/** Bounds how many distinct values each label of a metric may take. */
export class LabelGuard {
  readonly #seen: Map<string, Set<string | number>>;
  readonly #overflown = new Set<string>();

  /**
   * @param onOverflow called for each value that became `OTHER`; `first` for the first of its label
   */
  constructor(
    labels: readonly string[],
    private readonly maxValues: number,
    private readonly onOverflow: (label: string, first: boolean) => void,
  ) {
    this.#seen = new Map(labels.map((label) => [label, new Set()]));
  }

  /** The same labels, with values beyond the bound replaced by `OTHER`. */
  check(labels: Readonly<Record<string, string | number>>): Record<string, string | number> {
    let result: Record<string, string | number> = labels;
    for (const [label, seen] of this.#seen) {
      const value = labels[label];
      if (value === undefined || seen.has(value)) continue;
      if (seen.size < this.maxValues) {
        seen.add(value);
        continue;
      }
      if (result === labels) result = { ...labels };
      result[label] = OTHER;
      const first = !this.#overflown.has(label);
      this.#overflown.add(label);
      this.onOverflow(label, first);
    }
    return result;
  }
}
