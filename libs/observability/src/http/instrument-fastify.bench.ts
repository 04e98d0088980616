import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** CPU microseconds that each may cost, `over` what it is compared with. */
const GOALS = {
  recorded: { over: 'bare', goal: 50 },
  kept: { over: 'bare', goal: 60 },
  span: { over: undefined, goal: 8 },
  keptSpan: { over: undefined, goal: 12 },
  observation: { over: undefined, goal: 3 },
  logLine: { over: undefined, goal: 10 },
} as const;

/** A busy machine doubles every figure: this catches what became several times dearer. */
const TOLERANCE = 2;

test('CPU microseconds per request and part', { timeout: 120_000 }, () => {
  const script = fileURLToPath(new URL('request-cost.mjs', import.meta.url));
  const measured = JSON.parse(
    execFileSync(process.execPath, [script], { encoding: 'utf8' }),
  ) as Record<string, number>;
  const rows = Object.entries(GOALS).map(([name, { over, goal }]) => ({
    name,
    over,
    micros: Math.round((measured[name]! - (over === undefined ? 0 : measured[over]!)) * 10) / 10,
    goal,
  }));
  console.table(rows);
  for (const { name, micros, goal } of rows) {
    expect(micros, name).toBeLessThan(goal * TOLERANCE);
  }
});
