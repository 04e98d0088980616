import { describe, expect, it } from 'vitest';
import { layOut, parseSpans, summarize, type Span } from './trace-view.js';

const span = (id: string, parentId: string | undefined, startMs: number, change = {}): Span => ({
  traceId: 't'.repeat(32),
  id,
  ...(parentId === undefined ? {} : { parentId }),
  name: `work ${id}`,
  timestamp: 1_000_000_000 + startMs * 1_000,
  duration: 5_000,
  localEndpoint: { serviceName: 'orders' },
  ...change,
});

describe('a trace', () => {
  it('is laid out as a tree in the order of time', () => {
    const view = layOut([
      span('c', 'a', 4, { localEndpoint: { serviceName: 'payments' } }),
      span('a', undefined, 0, { duration: 20_000 }),
      span('d', 'b', 3),
      span('b', 'a', 2),
    ]);
    expect(view?.rows.map(({ id, depth, startMs }) => [id, depth, startMs])).toEqual([
      ['a', 0, 0],
      ['b', 1, 2],
      ['d', 2, 3],
      ['c', 1, 4],
    ]);
    expect(view).toMatchObject({
      name: 'orders: work a',
      durationMs: 20,
      spans: 4,
      services: ['orders', 'payments'],
      error: false,
    });
  });

  it('shows spans whose parent is not there, and is not trapped by a circle', () => {
    const view = layOut([
      span('a', 'b', 1),
      span('b', 'a', 2),
      span('c', 'gone', 3),
      span('d', 'd', 4),
    ]);
    expect(new Set(view?.rows.map(({ id }) => id))).toEqual(new Set(['a', 'b', 'c', 'd']));
    expect(view?.rows).toHaveLength(4);
  });

  it('counts a span once that two instances tell of', () => {
    expect(layOut([span('a', undefined, 0), span('a', undefined, 0)])?.rows).toHaveLength(1);
    const both = [
      span('a', undefined, 0, { kind: 'CLIENT' }),
      span('a', undefined, 1, { kind: 'SERVER' }),
    ];
    expect(layOut(both)?.rows).toHaveLength(2);
  });

  it('is failed when a span is', () => {
    const spans = [span('a', undefined, 0), span('b', 'a', 1, { tags: { error: 'refused' } })];
    expect(summarize(spans)?.error).toBe(true);
    expect(layOut(spans)?.rows.map(({ error }) => error)).toEqual([false, true]);
  });

  it('ends after its last span, and has a limit', () => {
    const many = Array.from({ length: 3_000 }, (_, n) => span(`s${n}`, undefined, n));
    expect(layOut(many)?.rows).toHaveLength(1_000);
    expect(summarize(many)?.durationMs).toBe(3_004);
    expect(layOut([])).toBeUndefined();
  });

  it('is made of what looks like spans only', () => {
    const good = span('a', undefined, 0);
    expect(parseSpans([good, null, [good], 'x', { id: 1 }, { ...good, duration: 'long' }])).toEqual(
      [good],
    );
    expect(parseSpans({ spans: [good] })).toEqual([]);
    expect(parseSpans(undefined)).toEqual([]);
  });
});
