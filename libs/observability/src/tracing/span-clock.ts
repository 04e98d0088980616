/** By how much the two clocks may disagree: the wall clock counts whole milliseconds. */
const TOLERANCE_MS = 2;

let offset = performance.timeOrigin;

/**
 * The time of spans: milliseconds since the epoch with microseconds behind the point, so that spans
 * of one machine sort by what happened first. Follows the system's clock when that is set.
 */
export function spanTime(): number {
  const elapsed = performance.now();
  const wall = Date.now();
  if (Math.abs(elapsed + offset - wall) > TOLERANCE_MS) offset = wall - elapsed;
  return elapsed + offset;
}
