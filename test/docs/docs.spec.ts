import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pages, snippetsOf } from './snippets.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

describe('the documentation', () => {
  it('K30: has code that compiles', () => {
    const { stdout, status } = spawnSync(
      process.execPath,
      ['node_modules/ts7/bin/tsc', '--pretty', 'false', '-p', 'test/docs/tsconfig.json'],
      { cwd: root, encoding: 'utf8' },
    );
    expect(stdout.replaceAll('test/docs/.snippets/', '')).toBe('');
    expect(status).toBe(0);
  });

  it.each(pages(root))('%s links to what is there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)];
    const dead = links
      .map(([, link = '']) => link)
      .filter((link) => !existsSync(join(root, dirname(page), link)));
    expect(dead).toEqual([]);
  });
});

describe('snippets', () => {
  it('keep the line they have in the page, and continue the file they name', () => {
    const page = [
      '# Title',
      '```ts',
      '// a.ts',
      'const a = 1;',
      '```',
      'then',
      '```ts',
      '// a.ts',
      'const b = a;',
      '```',
      '```sh',
      'ls',
      '```',
    ];
    const [only, ...others] = snippetsOf('p.md', page.join('\n'));
    expect(others).toEqual([]);
    expect(only?.code.split('\n')).toEqual([
      '',
      '',
      '// a.ts',
      'const a = 1;',
      '',
      '',
      '',
      '// a.ts',
      'const b = a;',
      'export {};',
      '',
    ]);
  });
});
