/**
 * Keeps the process until `fn` is done. Neither a clock's timers nor a detached server do, so a
 * process that has nothing else to wait for would end half-way, without a word.
 */
export async function staying<T>(fn: () => Promise<T>): Promise<T> {
  const stay = setInterval(() => undefined, 60_000);
  try {
    return await fn();
  } finally {
    clearInterval(stay);
  }
}
