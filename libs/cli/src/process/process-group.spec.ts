import { VirtualClock } from '@rookery/core/testing';
import { expect, it } from 'vitest';
import type { ManagedProcess } from './managed-process.js';
import { ProcessGroup, type GroupMember } from './process-group.js';

/** Only the part of a process that a group uses, so that its slowness can be chosen. */
function member(
  name: string,
  waitsFor: string[],
  stops: (graceMs: number) => Promise<void>,
): GroupMember {
  return { name, waitsFor, processes: [{ name, stop: stops } as unknown as ManagedProcess] };
}

it('gives a slow process the time that is left, but keeps some for those that stop after it', async () => {
  const clock = new VirtualClock();
  const graces = new Map<string, number>();
  const slow = async (graceMs: number): Promise<void> => {
    graces.set('slow', graceMs);
    await clock.advance(graceMs);
  };
  const quick = (name: string) => (graceMs: number) => {
    graces.set(name, graceMs);
    return Promise.resolve();
  };
  const group = new ProcessGroup(
    [
      member('base', [], quick('base')),
      member('slow', ['base'], slow),
      member('top', ['slow'], quick('top')),
    ],
    clock,
  );
  await group.stop(4_000);
  expect([...graces.keys()]).toEqual(['top', 'slow', 'base']);
  expect(graces.get('top')).toBe(3_400);
  expect(graces.get('slow')).toBe(3_700);
  expect(graces.get('base')).toBe(300);
});
