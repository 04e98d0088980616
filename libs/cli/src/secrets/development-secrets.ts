import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { CommandError } from '../cli.errors.js';

const Secrets = z.record(z.string(), z.string().min(1));

/** Names of the secrets: `client:orders`, `user:alice`, `config-server`, `discovery`. */
export type SecretName = `client:${string}` | `user:${string}` | 'config-server' | 'discovery';

/**
 * Secrets of a development machine: made up at first need, kept in one file that only its owner can
 * read, the same at every start.
 */
export class DevelopmentSecrets {
  readonly #values: Map<string, string>;

  constructor(private readonly path: string) {
    this.#values = new Map(Object.entries(read(path)));
  }

  /** The secret of this name, made up and kept if there was none. */
  get(name: SecretName): string {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const made = randomBytes(name.startsWith('user:') ? 9 : 24).toString('base64url');
    this.#values.set(name, made);
    writePrivately(this.path, Object.fromEntries(this.#values));
    return made;
  }
}

/** Writes JSON so that nobody but the owner can read it, and nobody sees a part of it. */
export function writePrivately(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

function read(path: string): Record<string, string> {
  if (!existsSync(path)) return {};
  const secrets = Secrets.safeParse(parse(readFileSync(path, 'utf8')));
  if (secrets.success) return secrets.data;
  throw new CommandError(`${path} is damaged`, 'remove it, or run `npx rookery reset`');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
