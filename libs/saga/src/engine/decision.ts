const DECISION = Symbol('rookery.saga.decision');

/** Why a saga turned round. */
export interface Why {
  /** Machine-readable and stable, `OUT_OF_STOCK`. */
  readonly code: string;
  readonly message?: string;
  /** The step that failed; absent for the deadline. */
  readonly step?: string;
}

/** What a handler of a reply or of a timeout may answer instead of a state. */
export type Decision<S = unknown> =
  | { readonly [DECISION]: 'compensate'; readonly code: string; readonly message?: string }
  | { readonly [DECISION]: 'retry' }
  | { readonly [DECISION]: 'proceed'; readonly state?: S };

/** The step has failed for good: what was done is undone. */
export function compensate(code: string, message?: string): Decision<never> {
  return { [DECISION]: 'compensate', code, ...(message === undefined ? {} : { message }) };
}

/** The step is tried again. */
export function retryStep(): Decision<never> {
  return { [DECISION]: 'retry' };
}

/** A refusal does no harm: the saga goes on, and there is nothing to undo of this step. */
export function proceed<S>(state?: S): Decision<S> {
  return { [DECISION]: 'proceed', ...(state === undefined ? {} : { state }) };
}

/** What was decided, or `undefined` when the value is no decision. */
export function decisionOf<S>(value: unknown): Decision<S> | undefined {
  return typeof value === 'object' && value !== null && DECISION in value
    ? (value as Decision<S>)
    : undefined;
}

/** Which of the decisions it is. */
export function kindOf(decision: Decision): 'compensate' | 'retry' | 'proceed' {
  return decision[DECISION];
}

/**
 * Throw it from a local step: the step has failed for good, what was done is undone. Any other
 * error is a fault that may be retried.
 */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';

  constructor(
    readonly code: string,
    message: string = code,
  ) {
    super(message);
  }
}
