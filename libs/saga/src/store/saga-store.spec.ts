import { useDatabase } from '@rookery/testing/database';
import { describe, expect, it } from 'vitest';
import { sagaId } from '../engine/command-id.js';
import type { SagaInstance } from '../engine/saga-instance.js';
import type { SagaStore } from '../engine/saga-ports.js';
import { SagaConflictError } from '../saga.errors.js';
import { sagaMigrations } from '../saga.migrations.js';
import { MemorySagaStore } from './memory-saga-store.js';
import { SqlSagaStore } from './sql-saga-store.js';

const db = useDatabase({ migrations: [sagaMigrations] });
const now = Date.UTC(2026, 0, 1, 12, 0, 0, 123);

function saga(key: string, change: Partial<SagaInstance> = {}): SagaInstance {
  return {
    id: sagaId('place-order', key),
    saga: 'place-order',
    version: 1,
    key,
    status: 'running',
    state: { orderId: key, lines: [{ sku: 'a', quantity: 1 }] },
    steps: {
      reserve: {
        status: 'running',
        held: false,
        attempts: 1,
        epoch: 0,
        wait: { for: 'reply', dueAt: now },
      },
    },
    history: [{ at: now, what: 'started' }],
    startedAt: now,
    updatedAt: now,
    correlationId: 'c-1',
    carrier: { traceparent: '00-1-2-01' },
    revision: 0,
    ...change,
  };
}

const known = [{ saga: 'place-order', version: 1 }];

describe.each([
  ['in memory', () => new MemorySagaStore()],
  ['in PostgreSQL', () => new SqlSagaStore(db.unitOfWork)],
] as [string, () => SagaStore][])('sagas %s', (_, create) => {
  const fresh = async (): Promise<SagaStore> => {
    await db.clear();
    return create();
  };

  const insert = (store: SagaStore, ...sagas: SagaInstance[]): Promise<void> =>
    store.transaction(async () => {
      for (const instance of sagas) await store.insert(instance);
    });

  it('come back as they were written', async () => {
    const store = await fresh();
    const full = saga('full', {
      why: { code: 'NO', step: 'reserve' },
      status: 'compensated',
      endedAt: now + 1,
      deadlineAt: now + 2,
      dueAt: now + 3,
    });
    await insert(store, saga('bare'), full);
    expect(await store.find(full.id)).toEqual(full);
    expect(await store.find(sagaId('place-order', 'bare'))).toEqual(saga('bare'));
    expect(await store.find('no uuid')).toBeUndefined();
    expect(await store.find(sagaId('place-order', 'other'))).toBeUndefined();
  });

  it('are inserted once', async () => {
    const store = await fresh();
    await store.transaction(async () => {
      expect(await store.insert(saga('a'))).toBe(true);
      expect(await store.insert(saga('a', { status: 'failed' }))).toBe(false);
    });
    expect(await store.find(saga('a').id)).toMatchObject({ status: 'running' });
  });

  it('are written only from what was read last', async () => {
    const store = await fresh();
    await insert(store, saga('a'));
    const stale = await store.find(saga('a').id);
    await store.transaction(async () => {
      const instance = await store.lock(saga('a').id);
      await store.save({ ...instance!, status: 'completed' });
    });
    await expect(store.transaction(() => store.save(stale!))).rejects.toThrow(SagaConflictError);
    expect(await store.find(saga('a').id)).toMatchObject({ status: 'completed', revision: 1 });
  });

  it('are not written when the transaction throws, and hooks are not called', async () => {
    const store = await fresh();
    let called = false;
    const work = store.transaction(async () => {
      await store.insert(saga('a'));
      store.afterCommit(() => void (called = true));
      throw new Error('on purpose');
    });
    await expect(work).rejects.toThrow('on purpose');
    expect(await store.find(saga('a').id)).toBeUndefined();
    expect(called).toBe(false);
  });

  it('are found when due, the longest due first, of known sagas and versions only', async () => {
    const store = await fresh();
    await insert(
      store,
      saga('late', { dueAt: now - 1 }),
      saga('later', { dueAt: now - 5 }),
      saga('not yet', { dueAt: now + 1 }),
      saga('newer', { dueAt: now - 9, version: 2 }),
      saga('other', { dueAt: now - 9, saga: 'refund' }),
      saga('idle'),
    );
    const due = (at: number) =>
      store.transaction(async () => (await store.lockDue(at, known))?.key);
    expect(await due(now)).toBe('later');
    expect(await due(now - 6)).toBeUndefined();
    expect(await store.nextDue(known)).toBe(now - 5);
    expect(await store.nextDue([])).toBeUndefined();
  });

  it('are listed newest first and counted', async () => {
    const store = await fresh();
    await insert(
      store,
      saga('a', { startedAt: now }),
      saga('b', { startedAt: now + 1, status: 'completed' }),
      saga('c', { startedAt: now + 2 }),
      saga('d', { startedAt: now + 3, saga: 'refund' }),
    );
    const keys = async (filter: Parameters<SagaStore['list']>[0]) =>
      (await store.list(filter)).map(({ key }) => key);
    expect(await keys({ limit: 10 })).toEqual(['d', 'c', 'b', 'a']);
    expect(await keys({ limit: 1, saga: 'place-order', status: 'running' })).toEqual(['c']);
    const counts = await store.counts();
    expect(
      counts.sort((x, y) => `${x.saga}${x.status}`.localeCompare(`${y.saga}${y.status}`)),
    ).toEqual([
      { saga: 'place-order', status: 'completed', count: 1 },
      { saga: 'place-order', status: 'running', count: 2 },
      { saga: 'refund', status: 'running', count: 1 },
    ]);
  });
});

describe('sagas in PostgreSQL, with several orchestrators', () => {
  it('are worked on by one at a time, and the others take the next', async () => {
    await db.clear();
    const [one, two] = [new SqlSagaStore(db.unitOfWork), new SqlSagaStore(db.unitOfWork)];
    await one.transaction(async () => {
      await one.insert(saga('first', { dueAt: now - 2 }));
      await one.insert(saga('second', { dueAt: now - 1 }));
    });
    await one.transaction(async () => {
      expect(await one.lockDue(now, known)).toMatchObject({ key: 'first' });
      // A transaction of its own, as another process has it.
      await db.unitOfWork.run(
        async () => {
          expect(await two.lockDue(now, known)).toMatchObject({ key: 'second' });
        },
        { propagation: 'requires-new' },
      );
    });
  });

  it('are forgotten some time after they ended', async () => {
    await db.clear();
    const store = new SqlSagaStore(db.unitOfWork);
    await store.transaction(async () => {
      await store.insert(saga('old', { status: 'completed', endedAt: now - 1_000 }));
      await store.insert(saga('young', { status: 'completed', endedAt: now }));
      await store.insert(saga('alive'));
    });
    expect(await store.forget(now - 500)).toBe(1);
    expect((await store.list({ limit: 10 })).map(({ key }) => key).sort()).toEqual([
      'alive',
      'young',
    ]);
  });
});
