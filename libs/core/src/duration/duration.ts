/** A length of time: a number of milliseconds, or a number with a unit, such as `'1.5s'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/**
 * Milliseconds of a duration.
 *
 * @throws RangeError when the text is no duration, or the number is negative or not finite.
 */
export function toMilliseconds(duration: Duration | string): number {
  if (typeof duration === 'number') {
    if (Number.isFinite(duration) && duration >= 0) return duration;
    throw new RangeError(`${duration} is not a duration: expected a number of milliseconds >= 0`);
  }
  const match = PATTERN.exec(duration);
  if (match === null) {
    throw new RangeError(
      `'${duration}' is not a duration: expected a number with ms, s, m, h or d, like '1.5s'`,
    );
  }
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}
