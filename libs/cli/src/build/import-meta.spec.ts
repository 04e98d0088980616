import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { keepImportMeta } from '../../runtime/import-meta.js';

it('makes a moved module name its source, wherever the whole folder lies', () => {
  const root = mkdtempSync(join(tmpdir(), 'rookery import #meta-'));
  const source = join(root, 'apps/web/src/assets/static.ts');
  const code =
    'console.log(JSON.stringify([import.meta.url, import.meta.filename, import.meta.dirname]));';
  const bundles = join(root, 'build');
  const moved = keepImportMeta(code, source, bundles);
  expect(moved).not.toContain(root);
  mkdirSync(bundles);
  writeFileSync(join(bundles, 'web.mjs'), moved);
  const said = execFileSync(process.execPath, [join(bundles, 'web.mjs')], { encoding: 'utf8' });
  expect(JSON.parse(said)).toEqual([
    pathToFileURL(source).href,
    source,
    join(root, 'apps/web/src/assets'),
  ]);
});

it('leaves alone what has nothing to rewrite', () => {
  expect(keepImportMeta('const url = meta.url;', '/a.ts', '/b')).toBe('const url = meta.url;');
});
