import { join } from 'node:path';
import { VirtualClock } from '@rookery/core/testing';
import { describe, expect, it } from 'vitest';
import { Journal } from '../storage/journal.js';
import { temporaryDirectory } from '../testing/temporary-directory.js';
import { GroupCoordinator, type StoredGroup } from './group-coordinator.js';

describe('GroupCoordinator', () => {
  const setUp = () => {
    const path = join(temporaryDirectory(), 'groups.journal');
    const kept = new Set<string>();
    const lines: string[] = [];
    const open = (journal = new Journal<StoredGroup>(path)): GroupCoordinator =>
      new GroupCoordinator({
        journal,
        clock: new VirtualClock(),
        initialRebalanceDelay: 0,
        hasOffsets: (group) => kept.has(group),
        log: (line) => lines.push(line),
        maxGroups: 3,
      });
    return { kept, lines, open, path };
  };

  const join1 = (coordinator: GroupCoordinator, group: string) =>
    coordinator.getOrCreate(group)?.join({
      memberId: '',
      groupInstanceId: null,
      clientId: 'c',
      clientHost: 'h',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
      sessionTimeoutMs: 1_000,
      rebalanceTimeoutMs: 1_000,
      requiresKnownId: false,
    });

  it('numbers the generations of a group with offsets on after a restart', async () => {
    const { kept, open } = setUp();
    const first = open();
    await join1(first, 'kept');
    await join1(first, 'unused');
    kept.add('kept');
    first.close();
    const second = open();
    expect(second.all().map(({ id, protocolType }) => [id, protocolType])).toEqual([
      ['kept', 'consumer'],
    ]);
    expect((await join1(second, 'kept'))?.generationId).toBe(2);
    expect((await join1(second, 'unused'))?.generationId).toBe(1);
  });

  it('makes room by forgetting groups of no use, and refuses more when there are none', async () => {
    const { kept, open } = setUp();
    const coordinator = open();
    kept.add('offsets');
    coordinator.getOrCreate('offsets');
    coordinator.getOrCreate('empty');
    await join1(coordinator, 'members');
    expect(coordinator.getOrCreate('another')?.id).toBe('another');
    expect(coordinator.get('empty')).toBeUndefined();
    await join1(coordinator, 'another');
    expect(coordinator.getOrCreate('too many')).toBeUndefined();
    expect(coordinator.getOrCreate('offsets')?.id).toBe('offsets');
  });

  it('lets members work on when a generation cannot be stored', async () => {
    const { lines, open, path } = setUp();
    const journal = new Journal<StoredGroup>(path);
    const coordinator = open(journal);
    journal.close();
    expect((await join1(coordinator, 'g'))?.errorCode).toBe(0);
    expect(lines).toEqual(['group g: cannot store its generation: journal is closed']);
  });
});
