import { settle, VirtualClock } from '@rookery/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Slots } from '../consumer/slots.js';
import { BatchQueue, type Again } from './batch-queue.js';

let clock: VirtualClock;
let ran: number[][];
let slots: Slots;
let running: (() => void)[];
let results: (Again<number> | Error)[];

beforeEach(() => {
  clock = new VirtualClock();
  ran = [];
  slots = new Slots(1);
  running = [];
  results = [];
});

function queue(max = 3, waitMs = 50, held = false): BatchQueue<number> {
  return new BatchQueue({
    size: { max, waitMs },
    slots,
    clock,
    run: async (items) => {
      ran.push([...items]);
      if (held) await new Promise<void>((resolve) => running.push(resolve));
      const result = results.shift();
      if (result instanceof Error) throw result;
      return result;
    },
  });
}

describe('K11: a queue of batches', () => {
  it('runs a batch that is full at once', async () => {
    const batches = queue();
    for (const item of [1, 2, 3, 4]) batches.add(item);
    await settle();
    expect(ran).toEqual([[1, 2, 3]]);
    await clock.advance(50);
    expect(ran).toEqual([[1, 2, 3], [4]]);
  });

  it('runs what there is when the first has waited long enough', async () => {
    const batches = queue();
    batches.add(1);
    await clock.advance(30);
    batches.add(2);
    await clock.advance(19);
    expect(ran).toEqual([]);
    await clock.advance(1);
    expect(ran).toEqual([[1, 2]]);
  });

  it('runs one at a time, and gathers meanwhile', async () => {
    const batches = queue(2, 50, true);
    for (const item of [1, 2, 3, 4, 5]) batches.add(item);
    await clock.advance(1_000);
    expect(ran).toEqual([[1, 2]]);
    running.shift()?.();
    await clock.advance(0);
    expect(ran).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('waits for a slot', async () => {
    slots.take(() => {});
    const batches = queue(1);
    batches.add(1);
    await clock.advance(1_000);
    expect(ran).toEqual([]);
    slots.release();
    await settle();
    expect(ran).toEqual([[1]]);
    expect(slots.used).toBe(0);
  });

  it('runs again what is left, and all of it after an accident', async () => {
    results = [{ items: [2], afterMs: 10 }, new Error('an accident')];
    const batches = queue(2);
    batches.add(1);
    batches.add(2);
    await clock.advance(10);
    expect(ran).toEqual([[1, 2], [2]]);
    await clock.advance(1_000);
    expect(ran).toEqual([[1, 2], [2], [2]]);
  });

  it('stops after what runs, also within a pause', async () => {
    const batches = queue(1, 50, true);
    batches.add(1);
    batches.add(2);
    await settle();
    let stopped = false;
    const stopping = batches.stop().then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    running.shift()?.();
    await stopping;
    expect(ran).toEqual([[1]]);

    results = [{ items: [7], afterMs: 60_000 }];
    const pausing = queue(1);
    pausing.add(7);
    await settle();
    await pausing.stop();
    expect(clock.pending).toBe(0);
    expect(slots.used).toBe(0);
  });
});
