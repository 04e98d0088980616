import type { Findings } from './audit.js';

/** What came of all kills at one point, or of all with one reader. */
export interface Line extends Findings {
  readonly name: string;
  readonly runs: number;
  /** Runs in which the process died where it was meant to. */
  readonly killed: number;
  readonly orders: number;
}

/** What `npm run test:crash` prints and writes. */
export interface CrashReport {
  readonly seed: number;
  readonly runs: number;
  readonly seconds: number;
  /** As shipped: all must be 0. */
  readonly points: readonly Line[];
  /** Broken on purpose: must not be 0. */
  readonly broken: readonly Line[];
}
