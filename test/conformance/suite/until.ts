import { setTimeout as pause } from 'node:timers/promises';

const LONGEST_MS = 15_000;
const PAUSE_MS = 50;

/** Asks until the answer satisfies. */
export async function until<T>(
  ask: () => Promise<T>,
  satisfies: (answer: T) => boolean,
): Promise<T> {
  const late = AbortSignal.timeout(LONGEST_MS);
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    if (late.aborted) throw new Error(`still ${JSON.stringify(answer)} after ${LONGEST_MS} ms`);
    await pause(PAUSE_MS);
  }
}
