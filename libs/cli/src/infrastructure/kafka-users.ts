import { readFileSync, statSync } from 'node:fs';
import { CommandError } from '../cli.errors.js';

/** Bits of a file's mode by which others than its owner may read or change it. */
const OTHERS = 0o077;

/**
 * Who may connect to the embedded Kafka: `name:password`, one per line in a file, or separated by
 * commas in an environment variable. Never from the command line, which everybody on the machine
 * can read.
 *
 * @throws CommandError when the file is open to others or something is no user
 */
export function kafkaUsers(
  file: string | undefined,
  variable: string | undefined,
): Record<string, string> | undefined {
  if (file !== undefined) return parse(readPrivate(file).split('\n'), file);
  if (variable === undefined || variable === '') return undefined;
  return parse(variable.split(','), 'KAFKA_USERS');
}

function readPrivate(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) {
    throw new CommandError(`there is no file ${file}`, 'write name:password lines into it');
  }
  // Windows has no such bits.
  if (process.platform !== 'win32' && (stat.mode & OTHERS) !== 0) {
    throw new CommandError(`others can read the passwords in ${file}`, `chmod 600 ${file}`);
  }
  return readFileSync(file, 'utf8');
}

function parse(entries: readonly string[], place: string): Record<string, string> {
  const users: Record<string, string> = {};
  for (const [index, entry] of entries.entries()) {
    const line = entry.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, password] = /^([^:]+):(.+)$/.exec(line) ?? [];
    if (name === undefined || password === undefined) {
      // Which, but not what: it may be a password.
      throw new CommandError(`entry ${index + 1} of ${place} is no user`, 'use name:password');
    }
    users[name] = password;
  }
  if (Object.keys(users).length > 0) return users;
  throw new CommandError(`${place} names no user`, 'use name:password');
}
