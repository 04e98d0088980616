import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { resolveOptions } from '@rookery/core';
import { z } from 'zod';
import { CommandError } from '../cli.errors.js';

const port = (): z.ZodInt => z.int().min(1).max(65_535);

const App = z.strictObject({
  /** Port of the first instance, when it is free. */
  port: port(),
  /** Apps that must be ready before, and that `--only` brings along. */
  dependsOn: z.array(z.string()).default([]),
  /** Apps to wait for when they run as well; `*` stands for all that do not say `*` themselves. */
  after: z.array(z.string()).default([]),
  /** Scopes that guard this app's API. */
  scopes: z.array(z.string()).default([]),
  /** Apps that this one calls with its own client, which therefore gets their scopes. */
  calls: z.array(z.string()).default([]),
  /** Whether it has a database. */
  database: z.boolean().default(false),
  /** Whether it produces or consumes messages. */
  kafka: z.boolean().default(false),
});

const File = z.strictObject({
  $schema: z.string().optional(),
  /** npm scope of the packages that `nest g library` makes. */
  scope: z
    .string()
    .regex(/^@[a-z0-9-]+$/)
    .default('@rookery'),
  /** Folders of the packages that export the event contracts. */
  contracts: z
    .union([z.string(), z.array(z.string())])
    .default('libs/contracts')
    .transform((folders) => [folders].flat()),
  postgres: z.strictObject({ port: port().default(5433) }).prefault({}),
  kafka: z.strictObject({ port: port().default(9092) }).prefault({}),
  /** The request that `rookery up` offers to paste. */
  try: z.strictObject({ app: z.string(), path: z.string().startsWith('/') }).optional(),
  /** The app whose page `rookery up` links to. */
  page: z.string().optional(),
  apps: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), App),
});

/** What a workspace consists of, as its `rookery.json` says. */
export type RookeryFile = Readonly<z.output<typeof File>>;
/** One app of it. */
export type AppEntry = Readonly<z.output<typeof App>>;

/** A checkout: its root, and what its `rookery.json` says. */
export interface Workspace {
  readonly root: string;
  readonly file: RookeryFile;
}

/**
 * Finds the workspace a folder belongs to and reads its `rookery.json`.
 *
 * @throws CommandError when there is none, or it is not JSON
 * @throws InvalidOptionError naming the wrong keys
 */
export function openWorkspace(from: string = process.cwd()): Workspace {
  const root = findRoot(from);
  const path = join(root, 'rookery.json');
  const file = resolveOptions(File, parse(path), path);
  checkNames(file, path);
  return { root, file };
}

function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'rookery.json'))) return folder;
    if (dirname(folder) === folder) {
      throw new CommandError(
        `no rookery.json in ${from} or above`,
        'run this inside a Rookery workspace',
      );
    }
  }
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CommandError(`${path} is not JSON`, (error as Error).message);
  }
}

function checkNames(file: RookeryFile, path: string): void {
  const names = Object.keys(file.apps);
  for (const [app, { dependsOn, after, calls }] of Object.entries(file.apps)) {
    for (const [key, list] of Object.entries({ dependsOn, after, calls })) {
      for (const name of list) {
        if (names.includes(name) || (key === 'after' && name === '*')) continue;
        throw new CommandError(
          `${path}: apps.${app}.${key} names ${name}, which is no app here`,
          `use one of ${names.join(', ')}`,
        );
      }
    }
  }
  for (const name of [file.try?.app, file.page]) {
    if (name === undefined || names.includes(name)) continue;
    throw new CommandError(`${path}: ${name} is no app here`, `use one of ${names.join(', ')}`);
  }
}
