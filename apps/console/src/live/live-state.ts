/** A key's new value; `null` when it is gone. */
export type Change = readonly [key: string, value: unknown];

/** Changes that happened together. */
export interface ChangeSet {
  /** Where a client is after it applied them. */
  readonly id: string;
  readonly changes: readonly Change[];
}

/** Sets of changes that are kept for clients that come back. */
const KEPT = 300;

/**
 * What all watching pages show, as values by key. Changes are numbered, so that a page that was cut
 * off gets exactly what it missed.
 */
export class LiveState {
  readonly #values = new Map<string, string>();
  readonly #kept: ChangeSet[] = [];
  #pending = new Map<string, string | undefined>();
  #sequence = 0;

  /** @param epoch tells numbers of this life from those of an earlier one */
  constructor(
    private readonly epoch: number,
    private readonly onChange: (set: ChangeSet) => void,
  ) {}

  /** Sets a value; the same value again is no change. */
  set(key: string, value: unknown): void {
    const text = JSON.stringify(value);
    // A value that went back to what everybody knows needs no announcement.
    if (this.#values.get(key) === text) this.#pending.delete(key);
    else this.#pending.set(key, text);
  }

  /** Makes the values whose keys begin with `prefix` exactly these. */
  replace(prefix: string, values: ReadonlyMap<string, unknown>): void {
    for (const key of this.#values.keys()) {
      if (key.startsWith(prefix) && !values.has(key)) this.#pending.set(key, undefined);
    }
    for (const [key, value] of values) this.set(key, value);
  }

  /** Announces what changed since the last time, as one set. */
  flush(): void {
    if (this.#pending.size === 0) return;
    const changes: Change[] = [];
    for (const [key, text] of this.#pending) {
      if (text === undefined) this.#values.delete(key);
      else this.#values.set(key, text);
      changes.push([key, text === undefined ? null : (JSON.parse(text) as unknown)]);
    }
    this.#pending = new Map();
    this.#sequence++;
    const set: ChangeSet = { id: this.#id(this.#sequence), changes };
    this.#kept.push(set);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.onChange(set);
  }

  /** Everything, for a page that begins. */
  snapshot(): ChangeSet {
    const changes = [...this.#values].map(([key, text]): Change => [key, JSON.parse(text)]);
    return { id: this.#id(this.#sequence), changes };
  }

  /** What a page missed since `id`; `undefined` when that is no longer known. */
  since(id: string | undefined): readonly ChangeSet[] | undefined {
    const match = /^(\d+)\.(\d+)$/.exec(id ?? '');
    if (match === null || Number(match[1]) !== this.epoch) return undefined;
    const sequence = Number(match[2]);
    const oldest = this.#sequence - this.#kept.length;
    if (sequence < oldest || sequence > this.#sequence) return undefined;
    return this.#kept.slice(sequence - oldest);
  }

  #id(sequence: number): string {
    return `${this.epoch}.${sequence}`;
  }
}
