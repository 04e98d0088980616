import { CommandError } from '../cli.errors.js';
import { runDemo } from '../demo/demo.js';
import { traceOf } from '../demo/trace.js';
import { findRunningPlatform } from '../run/running-platform.js';

/** The options of `rookery demo` as they are written. */
export interface RawDemoOptions {
  readonly orders?: string;
  readonly concurrency?: string;
  readonly lenient?: boolean;
}

/**
 * Runs the demo against the platform of this workspace: `rookery demo`.
 *
 * @returns whether every order ended as it must and the books add up
 */
export async function demo(raw: RawDemoOptions, say: (text: string) => void): Promise<boolean> {
  const orders = wholeNumber('--orders', raw.orders ?? '60', 10_000);
  const concurrency = wholeNumber('--concurrency', raw.concurrency ?? '8', 100);
  const platform = findRunningPlatform();
  const report = await runDemo({
    ...platform,
    orders,
    concurrency,
    strict: raw.lenient !== true,
    print: say,
  });

  const ends = new Map<string, number>();
  for (const { status } of report.orders) ends.set(status, (ends.get(status) ?? 0) + 1);
  const shipped = report.orders.findLast(({ status }) => status === 'shipped');
  if (shipped?.traceId) {
    const trace = await traceOf(shipped.traceId, platform.state);
    say(`\ntrace ${shipped.traceId} of order #${shipped.number}:`);
    for (const line of trace) say(`  ${line}`);
  }
  const counts = [...ends].map(([status, count]) => `${count} ${status}`).join(', ');
  say(`\n${report.orders.length} orders: ${counts}; ${report.repeats} requests repeated`);
  for (const { orderId, problem } of report.findings) {
    say(`WRONG ${orderId === undefined ? '' : `order ${orderId} `}${problem}`);
  }
  const well = report.findings.length === 0;
  say(well ? 'stock, money and shipments add up' : `${report.findings.length} things are wrong`);
  return well;
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new CommandError(`${option} ${text} is not allowed`, `use a number from 1 to ${max}`);
}
