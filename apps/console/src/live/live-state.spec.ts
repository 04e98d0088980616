import { beforeEach, describe, expect, it } from 'vitest';
import { LiveState, type ChangeSet } from './live-state.js';

let sent: ChangeSet[];
let state: LiveState;
beforeEach(() => {
  sent = [];
  state = new LiveState(7, (set) => sent.push(set));
});
const put = (key: string, value: unknown): void => {
  state.set(key, value);
  state.flush();
};

describe('the live state', () => {
  it('announces what changed, together, and nothing else', () => {
    state.set('a', { n: 1 });
    state.set('b', 1);
    state.flush();
    state.set('a', { n: 1 });
    state.flush();
    put('b', 2);
    expect(sent).toEqual([
      {
        id: '7.1',
        changes: [
          ['a', { n: 1 }],
          ['b', 1],
        ],
      },
      { id: '7.2', changes: [['b', 2]] },
    ]);
  });

  it('does not announce a value that went back before anyone heard', () => {
    put('a', 1);
    state.set('a', 2);
    state.set('a', 1);
    state.flush();
    expect(sent).toHaveLength(1);
  });

  it('removes what a replacement does not have', () => {
    put('s:a', 1);
    put('s:b', 1);
    put('t:c', 1);
    state.replace('s:', new Map([['s:b', 2]]));
    state.flush();
    expect(sent.at(-1)?.changes).toEqual([
      ['s:a', null],
      ['s:b', 2],
    ]);
    expect(state.snapshot()).toEqual({
      id: '7.4',
      changes: [
        ['s:b', 2],
        ['t:c', 1],
      ],
    });
  });

  it('gives a page that comes back exactly what it missed', () => {
    for (let n = 1; n <= 5; n++) put('a', n);
    expect(state.since('7.3')?.map(({ id }) => id)).toEqual(['7.4', '7.5']);
    expect(state.since('7.5')).toEqual([]);
    expect(state.since('7.0')).toHaveLength(5);
  });

  it.each([undefined, '', 'x', '6.3', '7.99', '7.-1', '7.3.1'])(
    'does not know what a page with %s missed',
    (id) => {
      for (let n = 1; n <= 5; n++) put('a', n);
      expect(state.since(id)).toBeUndefined();
    },
  );

  it('forgets old changes, and knows that it did', () => {
    for (let n = 1; n <= 1_000; n++) put('a', n);
    expect(state.since('7.600')).toBeUndefined();
    expect(state.since('7.800')).toHaveLength(200);
  });
});
