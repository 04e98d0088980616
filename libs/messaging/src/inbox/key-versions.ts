import type { TransactionHost } from '@rookery/persistence';
import { UnprocessableMessageError } from '../messaging.errors.js';

const CLEANING_BATCH = 5_000;

/**
 * The newest version that a consumer has handled of each key. Ids tell a message that comes again;
 * only versions tell one that comes too late.
 */
export class KeyVersions {
  constructor(private readonly host: TransactionHost) {}

  /**
   * Remembers a version within the current transaction; false when the key has had it, or a newer
   * one. Waits for another transaction that handles the same key.
   *
   * @throws UnprocessableMessageError when the version is no whole number
   */
  async advance(consumer: string, key: Buffer, version: unknown): Promise<boolean> {
    if (!Number.isSafeInteger(version) && typeof version !== 'bigint') {
      throw new UnprocessableMessageError(
        `the version of a message for ${consumer} is ${String(version)}, expected a whole number`,
      );
    }
    const { rowCount } = await this.host.query(
      `insert into rookery_key_versions as known (consumer, key_hash, version)
       values ($1, sha256($2::bytea), $3)
       on conflict (consumer, key_hash) do update
         set version = excluded.version, updated_at = clock_timestamp()
         where known.version < excluded.version`,
      [consumer, key, String(version)],
    );
    return rowCount === 1;
  }

  /** Forgets keys that have had nothing new for `ageMs`; returns how many. */
  async forgetOlderThan(ageMs: number, signal?: AbortSignal): Promise<number> {
    let forgotten = 0;
    while (signal?.aborted !== true) {
      const { rowCount } = await this.host.query(
        `delete from rookery_key_versions where ctid = any(array(
           select ctid from rookery_key_versions
            where updated_at < clock_timestamp() - $1 * interval '1 millisecond' limit $2))`,
        [ageMs, CLEANING_BATCH],
      );
      forgotten += rowCount;
      if (rowCount < CLEANING_BATCH) break;
    }
    return forgotten;
  }
}
