import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@rookery/core';
import { settle, VirtualClock } from '@rookery/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderWatch } from './folder-watch.js';

let root: string;
const seen: string[] = [];
beforeEach(async () => {
  seen.length = 0;
  root = await mkdtemp(join(tmpdir(), 'rookery-watch-'));
  await writeFile(join(root, 'a.yml'), 'a: 1');
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

/** Moves time until something happened: the system's notices come when they like. */
async function passUntil(clock: VirtualClock, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await clock.advance(1_000);
    await settle();
  }
}

describe('watching a folder', () => {
  it('tells of new content, once, and not of what only looks new', async () => {
    const clock = new VirtualClock();
    const watch = new FolderWatch(root, 1_000, clock, (revision) => seen.push(revision));
    await watch.start();
    const first = watch.revision;
    expect(first).toMatch(/^[0-9a-f]{12}$/);

    await writeFile(join(root, 'a.yml'), 'a: 2');
    await passUntil(clock, () => seen.length === 1);
    expect(watch.revision).toBe(seen[0]);
    expect(seen[0]).not.toBe(first);

    await utimes(join(root, 'a.yml'), new Date(), new Date(0));
    await writeFile(join(root, 'a.txt'), 'not configuration');
    for (let n = 0; n < 20; n++) {
      await clock.advance(1_000);
      await settle();
    }
    expect(seen).toHaveLength(1);

    await mkdir(join(root, 'label'));
    await writeFile(join(root, 'label/b.yml'), 'b: 1');
    await passUntil(clock, () => seen.length === 2);
    watch.close();
    expect(clock.pending).toBe(0);
  });

  it('is told by the system long before it would look', async () => {
    const watch = new FolderWatch(root, 3_600_000, systemClock, (revision) => seen.push(revision));
    await watch.start();
    await writeFile(join(root, 'a.yml'), 'a: 3');
    await until(() => seen.length > 0);
    expect(seen.at(-1)).toBe(watch.revision);
    watch.close();
  });

  it('survives the folder going away and coming back', async () => {
    const clock = new VirtualClock();
    const watch = new FolderWatch(root, 1_000, clock, (revision) => seen.push(revision));
    await watch.start();
    await rm(root, { recursive: true });
    await clock.advance(3_000);
    await mkdir(root);
    await writeFile(join(root, 'a.yml'), 'a: 9');
    await passUntil(clock, () => seen.length > 0);
    expect(seen).toEqual([watch.revision]);
    watch.close();
  });
});
