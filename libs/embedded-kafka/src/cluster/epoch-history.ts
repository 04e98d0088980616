/** Moves remembered per partition; of older ones clients learn the end of the oldest known. */
const MAX_EPOCHS = 1_000;

/** Where an epoch of a partition's leaders begins. */
export type EpochStart = readonly [epoch: number, offset: number];

/** Adds an epoch; one before it that got no record leaves no trace, as in Kafka. */
export function withEpoch(
  history: readonly EpochStart[],
  epoch: number,
  startOffset: number,
): EpochStart[] {
  const kept = history.filter(([, offset]) => offset < startOffset);
  return [...kept, [epoch, startOffset] as const].slice(-MAX_EPOCHS);
}

/** The epoch of the leader that stored the record at an offset. */
export function epochAt(history: readonly EpochStart[], offset: number): number {
  return (history.findLast(([, start]) => start <= offset) ?? history[0])?.[0] ?? 0;
}

/**
 * Where an epoch ended, by the rules of Kafka's LeaderEpochFileCache (KIP-101, KIP-279): the largest
 * epoch not above the one asked for, and the offset at which the next one begins.
 *
 * @returns -1 and -1 for an epoch that never was
 */
export function endOfEpoch(
  history: readonly EpochStart[],
  current: number,
  epoch: number,
  endOffset: number,
): { leaderEpoch: number; endOffset: number } {
  if (epoch < 0 || epoch > current) return { leaderEpoch: -1, endOffset: -1 };
  if (epoch === current) return { leaderEpoch: current, endOffset };
  const next = history.find(([start]) => start > epoch);
  const known = history.findLast(([start]) => start <= epoch);
  return { leaderEpoch: known?.[0] ?? epoch, endOffset: next?.[1] ?? endOffset };
}
