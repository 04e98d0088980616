import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in use after everything that can be collected was. */
export async function heapAfterCollection(): Promise<number> {
  // Twice, with turns of the event loop between: what one collection finalises holds more.
  for (let i = 0; i < 3; i += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

/** Growth over a run in bytes: the median of its last third less that of its second. */
export function growth(samples: readonly number[]): number {
  const third = Math.floor(samples.length / 3);
  // The first third warms up: compiled code, pools, caches with a limit.
  return median(samples.slice(-third)) - median(samples.slice(third, samples.length - third));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
