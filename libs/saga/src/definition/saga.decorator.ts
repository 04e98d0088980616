import {
  declareTraffic,
  type CommandContract,
  type DataOf,
  type EventContract,
  type ReplyContract,
} from '@rookery/messaging';
import type { Decision, Why } from '../engine/decision.js';
import {
  metadataOf,
  type LocalStepOptions,
  type PivotOptions,
  type RemoteCompensationOptions,
  type RemotePivotOptions,
  type RemoteStepOptions,
  type SagaOptions,
} from './saga-metadata.js';
import { sagaTraffic } from './saga-traffic.js';

type Result<T> = T | Promise<T>;
type On<T> = (target: object, method: string, descriptor: TypedPropertyDescriptor<T>) => void;

/** Declares a class, provided by a module, to be a saga; list it in `SagaModule.forRoot`. */
export function Saga(options: SagaOptions): ClassDecorator {
  return (target) => {
    const metadata = metadataOf(target.prototype as object);
    metadata.options = options;
    declareTraffic(target, () => sagaTraffic(options.name, metadata));
  };
}

/** The event that begins a saga; the method makes the first state of it. */
export function Start<C extends EventContract>(
  event: C,
): <T extends (data: DataOf<C>) => Result<object>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  return (target, method) => void metadataOf(target).starts.push({ method, event });
}

/**
 * A step. With `send` the method gives the data of a command, and the step is done when a success
 * is replied. Without, the method does the work itself, in the transaction of the saga, and may
 * give a new state. It gets the state; throw `StepFailed` to give up at once.
 */
export function Step<C extends CommandContract>(
  options: RemoteStepOptions<C>,
): <T extends (state: never) => Result<DataOf<C>>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void;
export function Step(
  options?: LocalStepOptions,
): <T extends (state: never) => Result<object | void>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void;
export function Step(options: Partial<RemoteStepOptions> = {}): On<never> {
  return (target, method) => void metadataOf(target).steps.push({ method, pivot: false, options });
}

/**
 * The step that decides: until it is done everything can be undone; afterwards the saga only goes
 * forward. A pivot whose reply stays away is asked again until it answers, because its outcome is
 * not known, unless it can be compensated itself.
 */
export function Pivot<C extends CommandContract>(
  options: RemotePivotOptions<C>,
): <T extends (state: never) => Result<DataOf<C>>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void;
export function Pivot(
  options?: PivotOptions,
): <T extends (state: never) => Result<object | void>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void;
export function Pivot(options: Partial<RemoteStepOptions> = {}): On<never> {
  return (target, method) => void metadataOf(target).steps.push({ method, pivot: true, options });
}

/**
 * What to make of a reply: a new state, nothing, or a decision. Without it a success ends the step
 * and a refusal fails it, with the refusal's `code` or `reason`.
 */
export function Reply<C extends ReplyContract>(
  step: string,
  contract: C,
): <T extends (state: never, data: DataOf<C>) => Result<object | Decision | void>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  return (target, method) => void metadataOf(target).replies.push({ method, step, contract });
}

/**
 * Undoes a step, after all steps that came after it were undone. With `send` the method gives the
 * data of a command; without, it does the work itself. Tried until it succeeds, so it must be
 * harmless when repeated. A command is also sent when the step's outcome is not known: undoing what
 * was never done must succeed, and a late doing must be refused.
 */
export function Compensate<C extends CommandContract>(
  step: string,
  options: RemoteCompensationOptions<C>,
): <T extends (state: never, why: Why) => Result<DataOf<C>>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void;
export function Compensate(
  step: string,
): <T extends (state: never, why: Why) => Result<object | void>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void;
export function Compensate(
  step: string,
  options: Partial<RemoteCompensationOptions> = {},
): On<never> {
  return (target, method) => void metadataOf(target).compensations.push({ method, step, options });
}

/** What to do when a step's reply stays away: `compensate(code)` or `retryStep()`. */
export function OnTimeout(
  step: string,
): <T extends (state: never) => Result<Decision | void>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  return (target, method) => void metadataOf(target).timeouts.push({ method, step });
}

/** Brings the state of an instance that version `from` left behind to version `from + 1`. */
export function Migrate(options: {
  readonly from: number;
}): <T extends (state: never) => Result<object>>(
  target: object,
  method: string,
  descriptor: TypedPropertyDescriptor<T>,
) => void {
  return (target, method) =>
    void metadataOf(target).migrations.push({ method, from: options.from });
}
