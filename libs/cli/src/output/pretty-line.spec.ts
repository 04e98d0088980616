import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { prettyLine } from './pretty-line.js';

const plain = (source: string, line: string): string =>
  stripVTControlCharacters(prettyLine(source, line));

it('shows who, level, message and the other fields of a JSON line', () => {
  const line = JSON.stringify({
    time: new Date(2026, 0, 2, 3, 4, 5, 6).toISOString(),
    level: 'warn',
    service: 'orders',
    instance: 'orders-2',
    msg: 'late',
    correlationId: 'c',
    traceId: 't',
    http: { route: '/x', ms: 12 },
    rpc: { topic: 'x' },
  });
  expect(plain('platform', line)).toBe(
    '03:04:05.006 orders-2         warn  late ms=12 traceId=t rpc={"topic":"x"}',
  );
});

it('shows the stack of an error below, and any other text as it is', () => {
  const failed = plain('a', JSON.stringify({ msg: 'no', err: { stack: 'Error: no\n  at x' } }));
  expect(failed).toMatch(/no\n {4}Error: no\n {6}at x$/);
  expect(plain('a-1', '{broken')).toMatch(/^[\d:.]+ a-1\s+\{broken$/);
});
