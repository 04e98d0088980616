import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Nanoseconds over the bare call that each case may cost; the console shows what it did cost. */
const GOALS = {
  breaker: { over: 'call', goal: 60 },
  exactBreaker: { over: 'call', goal: 250 },
  toldBreaker: { over: 'breaker', goal: 60 },
  decoratedBreaker: { over: 'method', goal: 100 },
  five: { over: 'call', goal: 300 },
  fiveInRequest: { over: 'call', goal: 750 },
  decoratedFive: { over: 'method', goal: 400 },
} as const;

/** A busy machine doubles every figure: this catches a policy that became several times dearer. */
const TOLERANCE = 2;

test('CPU nanoseconds over a bare call', { timeout: 120_000 }, () => {
  const script = fileURLToPath(new URL('overhead.mjs', import.meta.url));
  const ns = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' })) as Record<
    string,
    number
  >;
  const rows = Object.entries(GOALS).map(([name, { over, goal }]) => ({
    name,
    over,
    ns: Math.round(ns[name]! - ns[over]!),
    goal,
  }));
  console.table(rows);
  expect(rows.filter(({ ns: cost, goal }) => cost > goal * TOLERANCE)).toEqual([]);
});
