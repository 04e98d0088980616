// A process of its own, so that the compiler's memory goes with it. Compiles the named files, and
// whatever else of the workspace is stale: the next process finds all of it.
//   node compile-sources.js <file>...
import {
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from '@swc/core';
import {
  cacheFolder,
  compiledPath,
  readCompiled,
  SWC_OPTIONS,
  workspaceRoot,
} from './source-cache.js';

const MAX_ENTRIES = 5_000;

const named = process.argv.slice(2);
const root = workspaceRoot(dirname(named[0]));
const folder = cacheFolder(root);
mkdirSync(folder, { recursive: true, mode: 0o700 });
const stale =
  root === undefined ? [] : globSync('{libs,apps}/*/src/**/*.ts', { cwd: root, exclude: isTest });
const files = new Set([...named, ...stale.map((file) => join(root, file))]);
await Promise.all([...files].map(compile));
prune();

function isTest(file) {
  return /\.(spec|bench|d)\.ts$|(^|\/)files$/.test(typeof file === 'string' ? file : file.name);
}

async function compile(file) {
  const source = readFileSync(file, 'utf8');
  const target = compiledPath(folder, file, source);
  if (readCompiled(target) !== undefined) return;
  try {
    const { code, map } = await transform(source, {
      ...SWC_OPTIONS,
      filename: file,
      sourceFileName: pathToFileURL(file).href,
    });
    write(`${target}.js.map`, map);
    write(
      `${target}.js`,
      `${code}\n//# sourceMappingURL=${pathToFileURL(`${target}.js.map`).href}\n`,
    );
  } catch (error) {
    // A file nobody asked for may be half written; whoever needs it asks by name.
    if (!named.includes(file)) return;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Two processes may write the same entry: a rename shows either's whole file, never a part. */
function write(file, text) {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, file);
}

function prune() {
  const entries = readdirSync(folder);
  if (entries.length <= MAX_ENTRIES) return;
  const byAge = entries
    .map((name) => ({
      name,
      at: statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }))
    .sort((a, b) => a.at - b.at);
  for (const { name } of byAge.slice(0, entries.length - MAX_ENTRIES / 2))
    rmSync(join(folder, name), { force: true });
}
