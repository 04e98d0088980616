import type { Need } from '../port/operations.js';
import type { Stage } from '../suite/stage.js';

/** What must hold between a client and a broker. */
export interface Check {
  readonly area: string;
  readonly name: string;
  /** A client that lacks one of these is not asked. */
  readonly needs: readonly Need[];
  /**
   * Throws when it does not hold.
   *
   * @returns what was seen, as JSON: it has to be the same on both brokers
   */
  readonly run: (stage: Stage) => Promise<unknown>;
}

/** Collects the checks of one area. */
export function area(
  name: string,
  define: (check: (name: string, needs: readonly Need[], run: Check['run']) => void) => void,
): Check[] {
  const checks: Check[] = [];
  define((title, needs, run) => checks.push({ area: name, name: title, needs, run }));
  return checks;
}
