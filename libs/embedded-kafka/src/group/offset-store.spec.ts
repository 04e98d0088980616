import { join } from 'node:path';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { Journal } from '../storage/journal.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { OffsetStore } from './offset-store.js';

const at = (offset: number) => ({ offset, leaderEpoch: 0, metadata: null });

describe('OffsetStore', () => {
  const setUp = () => {
    const path = join(temporaryDirectory(), 'offsets.journal');
    const clock = new VirtualClock();
    return { clock, open: () => new OffsetStore(new Journal(path), clock) };
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
});
