import type { CommandContract, EventContract, ReplyContract } from '@rookery/messaging';
import type { z } from 'zod';
import type { Decision, Why } from '../engine/decision.js';

/** What a saga keeps; plain JSON. */
export type SagaState = Readonly<Record<string, unknown>>;

/** The growing pauses between tries, in milliseconds. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
}

type Result<T> = T | Promise<T>;

/** One step, ready to be run. */
export interface StepDefinition {
  readonly name: string;
  readonly after: readonly string[];
  /** The command to send; absent for a step in the service itself. */
  readonly send?: CommandContract | undefined;
  /** How long a reply is waited for. */
  readonly timeoutMs: number;
  /** Tries in all; `Infinity` for steps that cannot be given up. */
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly pivot: boolean;
  readonly retriable: boolean;
  readonly readOnly: boolean;
  /** Gives the command's data, or does the work and may give a new state. */
  run(state: SagaState): Result<unknown>;
  /** What to make of a reply, by the contract's name. */
  readonly replies: ReadonlyMap<
    string,
    (state: SagaState, data: unknown) => Result<SagaState | Decision<SagaState> | void>
  >;
  readonly compensation?: CompensationDefinition | undefined;
  readonly onTimeout?: ((state: SagaState) => Result<Decision | void>) | undefined;
}

/** How a step is undone. */
export interface CompensationDefinition {
  readonly send?: CommandContract | undefined;
  readonly timeoutMs: number;
  readonly backoff: Backoff;
  run(state: SagaState, why: Why): Result<unknown>;
}

/** A saga as the engine runs it. */
export interface SagaDefinition {
  readonly name: string;
  readonly version: number;
  readonly state: z.ZodType;
  /** The property of the state that names the business object; one saga each. */
  readonly key: string;
  readonly deadlineMs?: number | undefined;
  readonly start: EventContract;
  begin(data: unknown): Result<SagaState>;
  /** In an order in which each comes after those it waits for. */
  readonly steps: readonly StepDefinition[];
  /** Brings a state of that version to the next one. */
  readonly migrations: ReadonlyMap<number, (state: SagaState) => Result<SagaState>>;
}

/** All replies that steps and compensations may get. */
export function repliesOf(definition: SagaDefinition): ReplyContract[] {
  const commands = definition.steps.flatMap((step) => [step.send, step.compensation?.send]);
  return [...new Set(commands.flatMap((command) => command?.replies ?? []))];
}
