import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from './cluster-lock.js';

let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rookery-lock-'));
  file = join(directory, 'lock');
});
beforeEach(() => rm(file, { force: true }));
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('withLock', () => {
  it('lets one in at a time and leaves nothing behind', async () => {
    let inside = 0;
    let most = 0;
    const work = () =>
      withLock(file, async () => {
        most = Math.max(most, ++inside);
        await readFile(file);
        inside--;
      });
    await Promise.all([work(), work(), work(), work()]);
    expect(most).toBe(1);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is given back when the work throws', async () => {
    const work = withLock(file, async () => {
      throw new Error('on purpose');
    });
    await expect(work).rejects.toThrow('on purpose');
    await expect(withLock(file, async () => 7)).resolves.toBe(7);
  });

  it('is taken from a holder that was killed', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    await writeFile(file, `${pid} left-behind\n`);
    await expect(withLock(file, async () => 7)).resolves.toBe(7);
  });

  it('is taken after a crash of the machine, when the id belongs to somebody else', async () => {
    await writeFile(file, `${process.pid} left-behind\n`);
    const longAgo = new Date(Date.now() - 120_000);
    await utimes(file, longAgo, longAgo);
    await expect(withLock(file, async () => 7)).resolves.toBe(7);
  });
});
