import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RookeryError } from '@rookery/core';
import { sorted } from '../compatibility/json-schema.js';
import { mergeConsumers, type KnownConsumers } from './consumer-lock.js';
import type { LockedContract, LockedContracts } from './contract-lock.js';

const VERSION = 1;
const CONSUMERS = 'consumers.lock.json';

/** A lock file, or a sample, cannot be read. */
export class LockFileError extends RookeryError {
  override readonly code = 'RKY_MSG_LOCK_FILE';
  override readonly title = 'Lock file cannot be read';
}

/** A golden sample: a message of a version as it was once written. */
export interface LockedSample {
  readonly contract: string;
  readonly version: number;
  /** Where it is, from the folder. */
  readonly file: string;
  readonly data: unknown;
}

/**
 * A folder with what was released of the contracts: `<owner>.lock.json` per service,
 * `consumers.lock.json`, and `samples/<contract>.v<version>.json`. All of it belongs into version
 * control; the same contracts always give the same bytes.
 */
export class LockFolder {
  constructor(readonly path: string) {}

  /** @throws LockFileError */
  contracts(): LockedContracts {
    return Object.fromEntries(
      this.#names()
        .filter((name) => name.endsWith('.lock.json') && name !== CONSUMERS)
        .flatMap((name) => {
          const owner = name.slice(0, -'.lock.json'.length);
          const entries = Object.entries(
            this.#read(name).contracts as Record<string, Omit<LockedContract, 'owner'>>,
          );
          return entries.map(([contract, locked]) => [contract, { owner, ...locked }] as const);
        }),
    );
  }

  /** @throws LockFileError */
  consumers(): KnownConsumers {
    return this.#names().includes(CONSUMERS)
      ? (this.#read(CONSUMERS).consumers as KnownConsumers)
      : {};
  }

  /** @throws LockFileError */
  samples(): LockedSample[] {
    const folder = join(this.path, 'samples');
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .sort()
      .flatMap((name) => {
        const parts = /^(.+)\.v(\d+)\.json$/.exec(name);
        if (parts === null) return [];
        const [, contract = '', version] = parts;
        const data = parse(join(folder, name));
        return [{ contract, version: Number(version), file: `samples/${name}`, data }];
      });
  }

  /** Writes what is there now, and removes files of owners that are gone. */
  write(contracts: LockedContracts, consumers: KnownConsumers): void {
    mkdirSync(this.path, { recursive: true });
    const byOwner = new Map<string, Record<string, Omit<LockedContract, 'owner'>>>();
    for (const [name, { owner, ...locked }] of Object.entries(contracts)) {
      byOwner.set(owner, { ...byOwner.get(owner), [name]: locked });
    }
    for (const name of this.#names()) {
      const owner = name.slice(0, -'.lock.json'.length);
      if (name.endsWith('.lock.json') && name !== CONSUMERS && !byOwner.has(owner)) {
        rmSync(join(this.path, name));
      }
    }
    for (const [owner, locked] of byOwner) {
      this.#write(`${owner}.lock.json`, { lockfileVersion: VERSION, contracts: sorted(locked) });
    }
    this.#write(CONSUMERS, { lockfileVersion: VERSION, consumers: mergeConsumers(consumers) });
  }

  /** Adds a golden sample; one that is there stays as it is, unless it is to be replaced. */
  addSample(contract: string, version: number, data: unknown, replace = false): boolean {
    const folder = join(this.path, 'samples');
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${contract}.v${version}.json`);
    if (existsSync(file) && !replace) return false;
    writeFileSync(file, `${JSON.stringify(data, null, 2)}\n`);
    return true;
  }

  #names(): string[] {
    return existsSync(this.path) ? readdirSync(this.path).sort() : [];
  }

  #read(name: string): Record<string, unknown> {
    const file = join(this.path, name);
    const content = parse(file) as Record<string, unknown> | null;
    if (content?.lockfileVersion === VERSION) return content;
    throw new LockFileError(
      `${file} is of version ${String(content?.lockfileVersion)}, expected ${VERSION}: use the rookery ` +
        'that wrote it, or remove it and run rookery contracts lock',
    );
  }

  #write(name: string, content: unknown): void {
    writeFileSync(join(this.path, name), `${JSON.stringify(content, null, 2)}\n`);
  }
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new LockFileError(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
