import { InvalidOptionError } from '@rookery/core';
import type { Migration } from 'kysely/migration';

/** Migrations that belong together and are counted in a table of their own. */
export interface MigrationSet {
  readonly set: string;
  /** By name; they run in the alphabetical order of their names. */
  readonly migrations: Readonly<Record<string, Migration>>;
}

/**
 * Declares a set of migrations, `defineMigrations('orders', { '001-orders': { up, down } })`.
 * Each set is counted in `rookery_migrations_<set>`, so that libraries and services add theirs
 * without knowing of each other.
 *
 * @throws InvalidOptionError when a name does not fit
 */
export function defineMigrations(
  set: string,
  migrations: Readonly<Record<string, Migration>>,
): MigrationSet {
  const wrong = Object.keys(migrations).filter((name) => !/^\d{3,}[-_a-z0-9]*$/.test(name));
  const problems = wrong.map(
    (name) => `'${name}' is not allowed, expected digits first, like '001-create-orders'`,
  );
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(set)) {
    problems.unshift(`set: '${set}' is not allowed, expected lower case letters, digits and _`);
  }
  if (problems.length > 0) throw new InvalidOptionError(`defineMigrations('${set}')`, problems);
  return Object.freeze({ set, migrations: Object.freeze({ ...migrations }) });
}
