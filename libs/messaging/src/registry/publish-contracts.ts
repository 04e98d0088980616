import type { LockedContracts } from '../contract/lock/contract-lock.js';
import type { SchemaRegistry } from './schema-registry.js';

/** A version of a contract and the id the registry has given its schema. */
export interface PublishedVersion {
  /** The contract's name, which is the subject: one topic may have many kinds of messages. */
  readonly subject: string;
  readonly version: number;
  readonly id: number;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/**
 * Registers all versions of locked contracts, oldest first; what is there already stays as it is.
 *
 * The registry's own check is switched off for these subjects: it takes readers for closed, and would
 * refuse an optional field that is added. What may change is decided before, by `checkContracts`.
 *
 * @throws SchemaRegistryError at the first that is refused; calling it again goes on from there
 */
export async function publishContracts(
  registry: Pick<SchemaRegistry, 'register' | 'setCompatibility'>,
  locked: LockedContracts,
  signal?: AbortSignal,
): Promise<PublishedVersion[]> {
  const published: PublishedVersion[] = [];
  for (const [subject, { versions }] of Object.entries(locked)) {
    await registry.setCompatibility(subject, 'NONE', signal);
    for (const version of Object.keys(versions)
      .map(Number)
      .sort((a, b) => a - b)) {
      const { schema = true } = versions[version] ?? {};
      // With its version, so that two versions that look the same stay two.
      const document =
        typeof schema === 'boolean'
          ? schema
          : { $schema: DIALECT, title: `${subject} v${version}`, ...schema };
      published.push({ subject, version, id: await registry.register(subject, document, signal) });
    }
  }
  return published;
}
