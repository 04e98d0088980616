// Lets Node run the workspace's TypeScript, decorators and their metadata included, with nothing
// built: `node --import .../source-hook.js main.ts`, or by importing it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, compiledPath, readCompiled, workspaceRoot } from './source-cache.js';

const SOURCE = /^file:.*\.ts$/;
const compiler = fileURLToPath(new URL('./compile-sources.js', import.meta.url));
const folders = new Map();

registerHooks({
  resolve(specifier, context, next) {
    const conditions = ['rookery:source', ...context.conditions];
    return next(sourceOf(specifier, context.parentURL), { ...context, conditions });
  },
  load(url, context, next) {
    if (!SOURCE.test(url) || url.includes('/node_modules/')) return next(url, context);
    const file = fileURLToPath(url);
    report(file);
    return { format: 'module', source: compiled(file), shortCircuit: true };
  },
});

/** TypeScript sources name their neighbours by what they compile to: `./x.js` is `./x.ts` here. */
function sourceOf(specifier, parent) {
  if (!specifier.startsWith('.') || !specifier.endsWith('.js') || !SOURCE.test(parent ?? '')) {
    return specifier;
  }
  const source = `${specifier.slice(0, -3)}.ts`;
  return existsSync(new URL(source, parent)) ? source : specifier;
}

function compiled(file) {
  const source = readFileSync(file, 'utf8');
  const path = compiledPath(folderOf(file), file, source);
  const known = readCompiled(path);
  if (known !== undefined) return known;
  const result = spawnSync(process.execPath, [compiler, file], {
    encoding: 'utf8',
    stdio: ['ignore', 'inherit', 'pipe'],
    timeout: 60_000,
  });
  const code = result.status === 0 ? readCompiled(path) : undefined;
  if (code !== undefined) return code;
  const error = new SyntaxError(
    `${file} does not compile: ${(result.error?.message ?? result.stderr).replace(/\s*Caused by:[^]*$/, '')}`,
  );
  // Where the loader was tells nothing: the message shows the line that is wrong.
  error.stack = `${error.name}: ${error.message}`;
  throw error;
}

function folderOf(file) {
  const at = dirname(file);
  let folder = folders.get(at);
  if (folder === undefined) folders.set(at, (folder = cacheFolder(workspaceRoot(at))));
  return folder;
}

let unreported = [];

/** Tells a supervisor that asks for it which sources this process is made of. */
function report(file) {
  if (process.env.ROOKERY_REPORT_SOURCES !== '1' || process.send === undefined) return;
  if (unreported.length === 0) setImmediate(flush);
  unreported.push(file);
}

function flush() {
  const files = unreported;
  unreported = [];
  if (process.connected) process.send({ rookery: 'sources', files });
}
