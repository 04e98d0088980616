import type { CommandContract, EventContract, ReplyContract } from '@rookery/messaging';
import type { z } from 'zod';

/** How often and with which pauses a step is tried. */
export interface StepRetry {
  /** Tries in all, the first included. */
  readonly attempts?: number;
  readonly backoff?: {
    /** @default '1s' */
    readonly initial?: number | string;
    /** @default '1m' */
    readonly max?: number | string;
    /** @default 2 */
    readonly factor?: number;
  };
}

/** Options of `@Saga`. */
export interface SagaOptions {
  /** Unique within the service, in kebab case. Never rename it while instances run. */
  readonly name: string;
  /** Counts from 1; a new one needs `@Migrate` for each before. @default 1 */
  readonly version?: number;
  /** Schema of the state: an object of plain JSON. */
  readonly state: z.ZodType;
  /** The property of the state that names the business object: a second start for it is ignored. */
  readonly key: string;
  /** How long the saga may stay short of its pivot; then it is compensated. @default none */
  readonly deadline?: number | string;
}

/** Options of a step in the service itself. */
export interface LocalStepOptions {
  /** Steps that must be done before. @default none: it begins with the saga */
  readonly after?: string | readonly string[];
  /** Tries in all, or with pauses. @default 1; without end when retriable */
  readonly retry?: number | StepRetry;
  /** Cannot be given up: tried until it is done. Required after the pivot. @default false */
  readonly retriable?: boolean;
  /** Changes nothing, so there is nothing to undo. @default false */
  readonly readOnly?: boolean;
}

/** Options of a step that another service does. */
export interface RemoteStepOptions<
  C extends CommandContract = CommandContract,
> extends LocalStepOptions {
  /** The command; the method gives its data. */
  readonly send: C;
  /** How long a reply is waited for. @default `saga.stepTimeout` */
  readonly timeout?: number | string;
}

/** Options of `@Pivot`: a step before which all can be undone and after which nothing is. */
export type PivotOptions = Omit<LocalStepOptions, 'retriable' | 'readOnly'>;
/** Options of `@Pivot` with a command. */
export type RemotePivotOptions<C extends CommandContract = CommandContract> = Omit<
  RemoteStepOptions<C>,
  'retriable' | 'readOnly'
>;

/** Options of `@Compensate` with a command. */
export interface RemoteCompensationOptions<C extends CommandContract = CommandContract> {
  readonly send: C;
  /** How long a reply is waited for before it is sent again. @default `saga.stepTimeout` */
  readonly timeout?: number | string;
}

/** What the decorators wrote down, method by method. */
export interface SagaMetadata {
  options?: SagaOptions;
  readonly starts: { method: string; event: EventContract }[];
  readonly steps: { method: string; pivot: boolean; options: Partial<RemoteStepOptions> }[];
  readonly replies: { method: string; step: string; contract: ReplyContract }[];
  readonly compensations: {
    method: string;
    step: string;
    options: Partial<RemoteCompensationOptions>;
  }[];
  readonly timeouts: { method: string; step: string }[];
  readonly migrations: { method: string; from: number }[];
}

const KEY = Symbol.for('rookery.saga.metadata');

/** What was declared on a class; made when there is nothing yet. */
export function metadataOf(prototype: object): SagaMetadata {
  const holder = prototype as { [KEY]?: SagaMetadata };
  if (!Object.hasOwn(holder, KEY)) {
    // A subclass adds to what its base declares without changing the base.
    const base = holder[KEY];
    Object.defineProperty(holder, KEY, {
      value: {
        starts: [...(base?.starts ?? [])],
        steps: [...(base?.steps ?? [])],
        replies: [...(base?.replies ?? [])],
        compensations: [...(base?.compensations ?? [])],
        timeouts: [...(base?.timeouts ?? [])],
        migrations: [...(base?.migrations ?? [])],
      } satisfies SagaMetadata,
    });
  }
  return holder[KEY] as SagaMetadata;
}
