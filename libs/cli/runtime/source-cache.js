import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { tmpdir } from 'node:os';

const require = createRequire(import.meta.url);

/** How TypeScript becomes JavaScript: as `tsconfig.base.json` says, checked by nobody here. */
export const SWC_OPTIONS = {
  swcrc: false,
  configFile: false,
  isModule: true,
  sourceMaps: true,
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
};

const VERSION = `${require('@swc/core/package.json').version} ${JSON.stringify(SWC_OPTIONS)}`;

/** The workspace a file belongs to: the nearest folder above with a rookery.json. */
export function workspaceRoot(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'rookery.json'))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

/** Where compiled sources of a workspace are kept. */
export function cacheFolder(root) {
  return root === undefined
    ? join(tmpdir(), `rookery-${process.getuid?.() ?? 'user'}-sources`)
    : join(root, 'node_modules/.cache/rookery-sources');
}

/** Path, without extension, of what a source compiles to: it changes with whatever decides it. */
export function compiledPath(folder, file, source) {
  const key = createHash('sha1')
    .update(VERSION)
    .update('\0')
    .update(file)
    .update('\0')
    .update(source);
  return join(folder, key.digest('hex'));
}

/** Reads what a source compiled to, if it did before. */
export function readCompiled(path) {
  try {
    return readFileSync(`${path}.js`, 'utf8');
  } catch {
    return undefined;
  }
}
