import type { SagaState } from '../definition/saga-definition.js';
import type { Why } from './decision.js';

/** Where a saga stands. The last three are ends. */
export type SagaStatus = 'running' | 'compensating' | 'completed' | 'compensated' | 'failed';

/** Where a step stands. */
export type StepStatus =
  /** Not begun. */
  | 'waiting'
  /** Its command is out, or its next try is due later. */
  | 'running'
  | 'done'
  /** Refused or given up; there is nothing to undo. */
  | 'failed'
  /** No reply in time: it may be done or not. */
  | 'in-doubt'
  /** Never begun, because the saga turned round. */
  | 'skipped'
  | 'compensating'
  | 'compensated';

/** A wait that ends at `dueAt`, milliseconds since the epoch. */
export interface Wait {
  /** For a reply that may stay away, or until the next try. */
  readonly for: 'reply' | 'retry';
  readonly dueAt: number;
}

/** One direction of a step: doing it, or undoing it. */
export interface Leg {
  /** Tries so far. */
  attempts: number;
  /** Changes the command's id: only when the last answer was a refusal, or an undo is repeated. */
  epoch: number;
  /** Whether a command of this epoch is out. */
  sent?: boolean;
  startedAt?: number;
  endedAt?: number;
  wait?: Wait;
  /** Why the last try failed. */
  reason?: string;
}

/** A step of an instance. */
export interface StepRecord extends Leg {
  status: StepStatus;
  /** Whether there is something to undo. */
  held: boolean;
  compensation?: Leg & {
    /** Sent without knowing whether the step was done. */
    blind: boolean;
    /** Answers to earlier epochs say nothing: those went out before the step was known to be done. */
    countsFrom?: number;
  };
}

/** One line of an instance's timeline. */
export interface HistoryEntry {
  readonly at: number;
  readonly what: string;
  readonly step?: string;
  readonly attempt?: number;
  readonly reason?: string;
}

/** A saga under way, as it is stored. */
export interface SagaInstance {
  readonly id: string;
  readonly saga: string;
  version: number;
  /** Value of the definition's `key`. */
  readonly key: string;
  status: SagaStatus;
  state: SagaState;
  steps: Record<string, StepRecord>;
  history: HistoryEntry[];
  why?: Why;
  readonly startedAt: number;
  updatedAt: number;
  endedAt?: number;
  readonly deadlineAt?: number;
  /** When something is to be done even if no message comes. */
  dueAt?: number;
  readonly correlationId: string;
  /** Headers that continue the trace of the start. */
  readonly carrier: Readonly<Record<string, string>>;
  /** Counts the writes, so that none gets lost. */
  revision: number;
}

const FIRST_KEPT = 50;
const HISTORY_LIMIT = 200;

/** Adds to the timeline. A saga that retries for days keeps how it began and what happened last. */
export function note(
  instance: SagaInstance,
  at: number,
  what: string,
  more: Omit<HistoryEntry, 'at' | 'what'> = {},
): void {
  if (instance.history.length >= HISTORY_LIMIT) instance.history.splice(FIRST_KEPT, 1);
  instance.history.push({ at, what, ...more });
}

/** The earliest moment at which something is to be done without a message. */
export function nextDue(instance: SagaInstance, deadlineCounts: boolean): number | undefined {
  const dues = Object.values(instance.steps).flatMap(({ wait, compensation }) => [
    wait?.dueAt,
    compensation?.wait?.dueAt,
  ]);
  if (deadlineCounts) dues.push(instance.deadlineAt);
  const known = dues.filter((due) => due !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
