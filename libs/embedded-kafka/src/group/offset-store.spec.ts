import { join } from 'node:path';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { Journal } from '../storage/journal.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { OffsetStore } from './offset-store.js';
import { PendingOffsets } from './pending-offsets.js';

const at = (offset: number) => ({ offset, leaderEpoch: 0, metadata: null });

describe('OffsetStore', () => {
  const setUp = () => {
    const directory = temporaryDirectory();
    const journal = (name: string): Journal<never> => new Journal(join(directory, name));
    const clock = new VirtualClock();
    const open = (): OffsetStore =>
      new OffsetStore(journal('offsets'), new PendingOffsets(journal('pending')), clock);
    return { clock, open };
  };

  it('keeps the last commit per group, topic and partition, also reopened', () => {
    const { open } = setUp();
    const store = open();
    store.commit('g/with/slashes', 't', 0, at(1));
    store.commit('g/with/slashes', 't', 0, at(5));
    store.commit('g/with/slashes', 'u', 3, { offset: 7, leaderEpoch: 0, metadata: 'm' });
    store.commit('other', 't', 0, at(2));
    for (const one of [store, open()]) {
      expect(one.get('g/with/slashes', 't', 0)?.offset).toBe(5);
      expect(one.get('g/with/slashes', 'u', 3)).toMatchObject({ offset: 7, metadata: 'm' });
      expect(one.get('other', 't', 0)?.offset).toBe(2);
      expect(one.get('other', 't', 1)).toBeUndefined();
      expect(one.groups().sort()).toEqual(['g/with/slashes', 'other']);
      expect([...one.of('g/with/slashes').keys()].sort()).toEqual(['t', 'u']);
      expect(one.of('nobody').size).toBe(0);
    }
  });

  it('forgets a deleted topic and a deleted group for good', () => {
    const { open } = setUp();
    const store = open();
    store.commit('g', 't', 0, at(1));
    store.commit('g', 'u', 0, at(1));
    store.commit('h', 't', 0, at(1));
    store.deleteTopic('t');
    expect(store.groups()).toEqual(['g']);
    store.deleteGroup('g');
    expect(store.groups()).toEqual([]);
    expect(open().groups()).toEqual([]);
  });

  it('drops at start the groups that committed nothing for a week', async () => {
    const { clock, open } = setUp();
    const store = open();
    store.commit('old', 't', 0, at(1));
    store.commit('used', 't', 0, at(1));
    await clock.advance(6 * 86_400_000);
    store.commit('used', 't', 1, at(1));
    await clock.advance(2 * 86_400_000);
    const reopened = open();
    expect(reopened.groups()).toEqual(['used']);
    expect(reopened.get('used', 't', 0)?.offset).toBe(1);
  });

  describe('with offsets of transactions', () => {
    const pending = (group: string, topic: string, offset: number, producerId = 7) => ({
      ...at(offset),
      group,
      topic,
      partition: 0,
      producerId,
    });

    it.each(['commit', 'abort'] as const)('keeps them apart until the %s, also reopened', (end) => {
      const { open } = setUp();
      const store = open();
      store.commit('g', 't', 0, at(1));
      store.prepare(pending('g', 't', 5));
      store.prepare(pending('g', 't', 6));
      store.prepare(pending('g', 'u', 9, 8));
      for (const one of [store, open()]) {
        expect(one.get('g', 't', 0)?.offset).toBe(1);
        expect(one.isUnstable('g', 't', 0)).toBe(true);
        expect(one.isUnstable('g', 't', 1)).toBe(false);
        expect(one.isUnstable('h', 't', 0)).toBe(false);
      }
      const reopened = open();
      reopened.settle('g', 7, end);
      reopened.settle('g', 7, end);
      for (const one of [reopened, open()]) {
        expect(one.get('g', 't', 0)?.offset).toBe(end === 'commit' ? 6 : 1);
        expect(one.isUnstable('g', 't', 0)).toBe(false);
        expect(one.isUnstable('g', 'u', 0)).toBe(true);
      }
    });

    it('lets a later commit win over a transaction that ends after it', () => {
      const { open } = setUp();
      const store = open();
      store.prepare(pending('g', 't', 5));
      store.commit('g', 't', 0, at(3));
      store.settle('g', 7, 'commit');
      expect(store.get('g', 't', 0)?.offset).toBe(3);
    });

    it('counts a group as used, and forgets with the group, the topic and the producer', () => {
      const { open } = setUp();
      const store = open();
      for (const group of ['g', 'h']) {
        store.prepare(pending(group, 't', 1));
        store.prepare(pending(group, 'u', 1, 8));
        expect(store.hasAny(group)).toBe(true);
      }
      store.deleteGroup('g');
      expect(store.hasAny('g')).toBe(false);
      store.deleteTopic('t');
      expect([store.isUnstable('h', 't', 0), store.isUnstable('h', 'u', 0)]).toEqual([false, true]);
      store.dropPending(({ producerId }) => producerId === 8);
      expect([store.hasAny('h'), open().hasAny('h')]).toEqual([false, false]);
    });
  });
});
