import type { Clock, Random } from '@rookery/core';

/** Where an engine gets time, chance and its owner's name from. */
export interface EngineContext {
  /** Name of the policy in errors, events and metrics. @default the kind of policy */
  readonly name?: string;
  /** Service that owns the engine, for its events. @default '' */
  readonly app?: string;
  /** @default systemClock */
  readonly clock?: Clock;
  /** @default systemRandom */
  readonly random?: Random;
}
