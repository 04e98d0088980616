import { createHash } from 'node:crypto';

/** More keys than this are not remembered: each message then asks the database. */
const LIMIT = 1_000;

/**
 * Which keys may wait, as far as the owner of a partition knows. Only the owner parks keys, so what
 * is not here is free; what is here may have been replayed by another instance meanwhile.
 */
export class ParkedKeys {
  readonly #hashes = new Set<string>();
  #overflown = false;

  /** @param load reads hashes of keys that wait, at most so many */
  static async load(load: (limit: number) => Promise<readonly string[]>): Promise<ParkedKeys> {
    const keys = new ParkedKeys();
    const hashes = await load(LIMIT + 1);
    keys.#overflown = hashes.length > LIMIT;
    if (!keys.#overflown) for (const hash of hashes) keys.#hashes.add(hash);
    return keys;
  }

  /** Whether messages of a key may wait; false is certain. */
  mayHave(key: Buffer): boolean {
    if (this.#overflown) return true;
    return this.#hashes.size > 0 && this.#hashes.has(hashOf(key));
  }

  add(key: Buffer): void {
    if (this.#overflown) return;
    this.#hashes.add(hashOf(key));
    if (this.#hashes.size <= LIMIT) return;
    this.#overflown = true;
    this.#hashes.clear();
  }

  delete(key: Buffer): void {
    this.#hashes.delete(hashOf(key));
  }
}

function hashOf(key: Buffer): string {
  return createHash('sha256').update(key).digest('hex');
}
