import { Lifecycle } from '@rookery/core';
import { settle, VirtualClock } from '@rookery/core/testing';
import type { MessagePublisher } from '@rookery/messaging';
import { expect, it } from 'vitest';
import { Dispatcher } from './dispatcher.js';
import type { Shipments } from './shipments.repository.js';

it('does not begin again when it is stopped in the middle of a dispatch', async () => {
  const clock = new VirtualClock();
  const lifecycle = new Lifecycle(clock);
  const dispatcher = new Dispatcher({} as Shipments, {} as MessagePublisher, clock, lifecycle);
  let finish: () => void = () => {};
  let begun = 0;
  dispatcher.dispatchDue = () => {
    begun += 1;
    return new Promise((resolve) => (finish = () => resolve(0)));
  };
  await lifecycle.start();
  await clock.advance(1_000);
  expect(begun).toBe(1);
  const stopped = lifecycle.stop();
  await settle();
  finish();
  await stopped;
  await clock.advance(10_000);
  expect(begun).toBe(1);
  expect(clock.pending).toBe(0);
});
