import type { RegisteredInstance } from './instance.js';

/** More changes than this are cheaper to fetch as a whole. */
const MAX_CHANGES = 5_000;

interface Change {
  readonly at: number;
  readonly instance: RegisteredInstance;
}

/** The latest changes of the registry, from which deltas are made. */
export class ChangeLog {
  #changes: Change[] = [];

  /** @param retentionMs how long a change is kept */
  constructor(private readonly retentionMs: number) {}

  /** Adds a change, in the order of its happening. */
  add(instance: RegisteredInstance, now: number): void {
    this.#changes.push({ at: now, instance });
    if (this.#changes.length > MAX_CHANGES) this.#changes = this.#changes.slice(-MAX_CHANGES / 2);
  }

  /** The last change of each instance within the retention, oldest first. */
  recent(now: number): RegisteredInstance[] {
    this.#changes = this.#changes.filter(({ at }) => now - at < this.retentionMs);
    const latest = new Map<string, RegisteredInstance>();
    for (const { instance } of this.#changes) {
      const key = `${instance.app}/${instance.instanceId}`;
      latest.delete(key);
      latest.set(key, instance);
    }
    return [...latest.values()];
  }
}
