import { channel, type Channel } from '@rookery/core';
import type { SagaStatus, StepStatus } from './engine/saga-instance.js';

/** A saga began, turned round or ended. Told after the commit. */
export interface SagaTransition {
  /** The service whose saga it is. */
  readonly app: string;
  readonly saga: string;
  readonly id: string;
  readonly status: SagaStatus;
  readonly reason?: string | undefined;
}

/** A step, or its compensation, ended. Told after the commit. */
export interface StepTransition {
  readonly app: string;
  readonly saga: string;
  readonly id: string;
  readonly step: string;
  readonly status: StepStatus;
  readonly durationMs: number;
  readonly attempts: number;
}

/** A reply that changed nothing: unknown saga, unknown command, or a repetition. */
export interface IgnoredReply {
  readonly app: string;
  readonly id: string;
  readonly contract: string;
  readonly reason: 'unknown-saga' | 'unknown-command' | 'repeated';
}

/** `rookery.saga.transition` */
export const sagaTransition: Channel<SagaTransition> = channel('rookery.saga.transition');
/** `rookery.saga.step` */
export const stepTransition: Channel<StepTransition> = channel('rookery.saga.step');
/** `rookery.saga.ignored-reply` */
export const ignoredReply: Channel<IgnoredReply> = channel('rookery.saga.ignored-reply');
