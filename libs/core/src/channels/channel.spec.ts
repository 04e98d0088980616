import { expect, it } from 'vitest';
import { channel } from './channel.js';

it('reaches subscribers until they leave and costs a flag when nobody listens', () => {
  const opened = channel<{ name: string }>('rookery.test.opened');
  expect(opened.hasSubscribers).toBe(false);
  const seen: string[] = [];
  const leave = opened.subscribe(({ name }) => seen.push(name));
  expect(opened.hasSubscribers).toBe(true);
  opened.publish({ name: 'a' });
  leave();
  opened.publish({ name: 'b' });
  expect(seen).toEqual(['a']);
  expect(opened.hasSubscribers).toBe(false);
});
