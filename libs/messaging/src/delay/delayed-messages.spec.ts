import { systemClock } from '@rookery/core';
import { useDatabase } from '@rookery/testing/database';
import { beforeEach, describe, expect, it } from 'vitest';
import { messagingMigrations } from '../messaging.migrations.js';
import { Outbox } from '../outbox/outbox.js';
import { DelayedMessages } from './delayed-messages.js';

const db = useDatabase({ migrations: [messagingMigrations] });
const START = Date.UTC(2026, 0, 1);
let now: number;
let delayed: DelayedMessages;
let added: number[];

beforeEach(async () => {
  await db.clear();
  now = START;
  added = [];
  delayed = messages(() => now);
});

function messages(time?: () => number): DelayedMessages {
  const outbox = new Outbox(db.unitOfWork, () => {});
  const onAdded = (inMs: number): void => void added.push(inMs);
  return new DelayedMessages(db.unitOfWork, { outbox, maxMs: 1e9, onAdded, now: time });
}

const record = (key: string, value = key) => ({ topic: 't', key, value, headers: { h: 'x' } });

async function moved(): Promise<string[]> {
  const { rows } = await db.unitOfWork.query<{ value: Buffer }>(
    'delete from rookery_outbox returning value, id',
  );
  return rows
    .map((row) => row as typeof row & { id: string })
    .sort((a, b) => Number(a.id) - Number(b.id))
    .map(({ value }) => String(value));
}

describe('delayed messages', () => {
  it('are moved when their time has come, and not a millisecond before', async () => {
    await delayed.add('1', record('a'), { inMs: 300_000 });
    await delayed.add('2', record('b'), { atMs: START + 300_001 });
    now += 299_999;
    expect(await delayed.moveDue(10)).toBe(0);
    expect(await delayed.untilNext()).toBe(1);
    now += 1;
    expect(await delayed.moveDue(10)).toBe(1);
    expect(await moved()).toEqual(['a']);
    expect(await delayed.untilNext()).toBe(1);
    now += 1;
    expect(await delayed.moveDue(10)).toBe(1);
    expect(await delayed.untilNext()).toBeUndefined();
    expect(added).toEqual([300_000, 300_001]);
  });

  it('of one key keep the order of their times, then of their inserts, in batches of any size', async () => {
    const expected: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      const atMs = START + 1_000 - Math.floor(i / 3);
      await delayed.add(String(i), record('k', `${atMs} ${String(i).padStart(2, '0')}`), { atMs });
      expected.push(`${atMs} ${String(i).padStart(2, '0')}`);
    }
    now += 2_000;
    while ((await delayed.moveDue(7)) > 0);
    expect(await moved()).toEqual(expected.sort());
  });

  it('are added with the transaction or not at all', async () => {
    await expect(
      db.unitOfWork.run(async () => {
        await delayed.add('1', record('a'), { inMs: 0 });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(added).toEqual([]);
    expect(await delayed.backlog()).toEqual({ pending: 0, overdueSeconds: 0 });
  });

  it('are not added twice under one id', async () => {
    await delayed.add('1', record('a', 'first'), { inMs: 5 });
    await delayed.add('1', record('a', 'second'), { inMs: 0 });
    now += 5;
    expect(await delayed.moveDue(10)).toBe(1);
    expect(await moved()).toEqual(['first']);
  });

  it('can be cancelled in a transaction, which tells whether they were still there', async () => {
    await delayed.add('1', record('a'), { inMs: 5 });
    await expect(
      db.unitOfWork.run(async () => {
        expect(await delayed.cancel('1')).toBe(true);
        expect(await delayed.cancel('1')).toBe(false);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await delayed.cancel('1')).toBe(true);
    now += 5;
    expect(await delayed.moveDue(10)).toBe(0);
    await delayed.add('2', record('a'), { inMs: 0 });
    await delayed.moveDue(10);
    expect(await delayed.cancel('2')).toBe(false);
  });

  it('that are being cancelled hold up those after them of their key, and no others', async () => {
    await delayed.add('1', record('a', 'a1'), { inMs: 1 });
    await delayed.add('2', record('a', 'a2'), { inMs: 2 });
    await delayed.add('3', record('b', 'b1'), { inMs: 3 });
    now += 10;
    await db.unitOfWork
      .run(async () => {
        await delayed.cancel('1');
        expect(await delayed.moveDue(10)).toBe(1);
        throw new Error('keep it');
      })
      .catch(() => {});
    expect(await delayed.moveDue(10)).toBe(2);
    expect(await moved()).toEqual(['b1', 'a1', 'a2']);
  });

  it('are moved once, in order, by many instances', async () => {
    const keys = Array.from({ length: 400 }, (_, i) => `k${i % 8}`);
    await db.unitOfWork.run(async () => {
      for (const [i, key] of keys.entries()) {
        await delayed.add(String(i), record(key, `${key} ${1_000 + i}`), { inMs: i });
      }
    });
    now += 1_000;
    const instances = Array.from({ length: 4 }, () => messages(() => now));
    await Promise.all(
      instances.map(async (instance) => {
        while ((await instance.untilNext()) !== undefined) await instance.moveDue(9);
      }),
    );
    const values = await moved();
    expect(values).toHaveLength(400);
    for (const key of new Set(keys)) {
      const ofKey = values.filter((value) => value.startsWith(`${key} `));
      expect(ofKey).toEqual([...ofKey].sort());
    }
  });

  it('go by the clock of the database, however wrong that of an instance is', async () => {
    const real = messages();
    await real.add('1', record('a'), { inMs: 3_600_000 });
    await real.add('2', record('b'), { atMs: systemClock.now() - 3_600_000 });
    expect(await real.moveDue(10)).toBe(1);
    expect(await moved()).toEqual(['b']);
    const wait = (await real.untilNext()) ?? 0;
    expect(wait).toBeGreaterThan(3_590_000);
    expect(wait).toBeLessThanOrEqual(3_600_000);
  });

  it('are counted, and how late they are', async () => {
    await delayed.add('1', record('a'), { inMs: 1_000 });
    await delayed.add('2', record('b'), { inMs: 9_000 });
    now += 4_000;
    expect(await delayed.backlog()).toEqual({ pending: 2, overdueSeconds: 3 });
  });

  it('keep binary keys, values and headers', async () => {
    const bytes = Buffer.from([0, 255, 128]);
    await delayed.add(
      '1',
      { topic: 't', key: bytes, value: bytes, headers: { bytes } },
      { inMs: 0 },
    );
    await delayed.moveDue(1);
    const outbox = new Outbox(db.unitOfWork, () => {});
    const lanes = await outbox.occupiedLanes();
    const [row] = await outbox.read(lanes, 1, []);
    expect(row?.record).toEqual({ topic: 't', key: bytes, value: bytes, headers: { bytes } });
  });
});
