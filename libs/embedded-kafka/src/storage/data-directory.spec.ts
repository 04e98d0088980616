import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { claimDirectory } from './data-directory.js';
import { FilePool } from './file-pool.js';

describe('claimDirectory', () => {
  it('makes the directory and gives it to one broker at a time', () => {
    const path = join(temporaryDirectory(), 'a', 'b');
    const release = claimDirectory(path);
    expect(() => claimDirectory(path)).toThrow(`is in use by process ${process.pid}`);
    release();
    claimDirectory(path)();
    expect(existsSync(join(path, 'broker.lock'))).toBe(false);
  });

  it('knows the directory by another name', () => {
    const parent = temporaryDirectory();
    mkdirSync(join(parent, 'real'));
    symlinkSync(join(parent, 'real'), join(parent, 'link'));
    const release = claimDirectory(join(parent, 'real'));
    expect(() => claimDirectory(join(parent, 'link'))).toThrow('in use');
    release();
  });

  it.each([
    ['a dead process', { pid: 2 ** 22 + 1, started: '1' }],
    ['a process whose id was reused', { pid: process.ppid, started: '1' }],
    ['nothing readable', 'garbage'],
  ])('takes over the claim of %s', (_who, lock) => {
    const path = temporaryDirectory();
    writeFileSync(join(path, 'broker.lock'), JSON.stringify(lock));
    const release = claimDirectory(path);
    expect(JSON.parse(readFileSync(join(path, 'broker.lock'), 'utf8'))).toMatchObject({
      pid: process.pid,
    });
    release();
  });

  it('says in one line when the directory cannot be', () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, '');
    expect(() => claimDirectory(join(path, 'below'))).toThrow(
      /^data directory .* cannot be used: /,
    );
  });
});

describe('FilePool', () => {
  it('reopens what it had to close', () => {
    const directory = temporaryDirectory();
    const pool = new FilePool(2);
    const open = (name: string): number => pool.descriptor(join(directory, name));
    const a = open('a');
    const b = open('b');
    expect(open('a')).toBe(a);
    open('c');
    // 'b' was the longest unused: its descriptor number is free again.
    expect(open('a')).toBe(a);
    expect(typeof open('b')).toBe('number');
    expect(b).toBeGreaterThan(0);
    pool.closeAll();
    pool.release(join(directory, 'a'));
  });
});
