import { createHash } from 'node:crypto';
import type { ValueChoices } from './schema-value.js';

/**
 * Choices that are the same for the same name on every machine, with all optional fields there.
 *
 * @param optional share of the optional fields that is there
 */
export function seededBy(name: string, optional = 1): ValueChoices {
  let state = createHash('sha256').update(name).digest().readUInt32LE(0);
  // mulberry32, by Tommy Ettinger: small, and good enough to choose by.
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { random, optional };
}
