import { durationOption, resolveOptions } from '@rookery/core';
import { z } from 'zod';

const backoffSchema = z.strictObject({
  /** The first pause. */
  initial: durationOption().default(100),
  /** The longest pause. */
  max: durationOption().default(10_000),
  /** What each pause is longer than the one before. */
  factor: z.number().min(1).max(10).default(2),
});

const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(100).default(5),
  backoff: backoffSchema.prefault({}),
});

/** How handlers that say nothing are retried; the default of each handler is `messaging.retry`. */
export const handlerRetrySchema = retrySchema;

const parkSchema = z.strictObject({
  retry: z.strictObject({
    attempts: z.int().min(1).max(1_000).default(10),
    initial: durationOption().default(60_000),
    max: durationOption().default(3_600_000),
  }),
});

const batchSchema = z.strictObject({
  max: z.int().min(1).max(10_000).default(500),
  wait: durationOption().default(50),
});

const handlerSchema = z.strictObject({
  consumer: z
    .string()
    .regex(/^[\w.:-]{1,200}$/)
    .optional(),
  group: z
    .string()
    .regex(/^[\w.-]{1,200}$/)
    .optional(),
  retry: retrySchema.optional(),
  onFailure: z.enum(['dead-letter', 'park']).default('dead-letter'),
  park: parkSchema.optional(),
  version: z
    .custom<(data: never) => number | bigint>((value) => typeof value === 'function', {
      error: 'expected a function of the data',
    })
    .optional(),
  onStale: z.enum(['skip', 'fail']).default('skip'),
  batch: batchSchema.optional(),
  effects: z.enum(['once', 'at-least-once']).default('once'),
  ordered: z.boolean().default(true),
  concurrency: z.int().min(1).max(1_000).optional(),
  timeout: durationOption().optional(),
  uses: z
    .array(z.string().regex(/^[^.\s][^\s]*$/))
    .min(1)
    .optional(),
});

/**
 * How a message that failed is tried again, in its place: messages of the same key wait, all others
 * go on.
 */
export interface RetryPolicy {
  /** Tries in all, the first included. @default 5 */
  readonly attempts?: number;
  /** Pauses between tries, each with full jitter. */
  readonly backoff?: {
    /** @default '100ms' */
    readonly initial?: number | string;
    /** @default '10s' */
    readonly max?: number | string;
    /** @default 2 */
    readonly factor?: number;
  };
}

/** The fields of data, as `total`, and of what is in them, as `total.amount` or `lines.sku`. */
export type FieldOf<D> = D extends object
  ? { [K in keyof D & string]: K | `${K}.${string}` }[keyof D & string]
  : never;

/** Data as a handler gets it that says which fields it uses: only those, if it says so. */
export type UsedOf<D, F extends string> = [F] extends [never]
  ? D
  : D extends unknown
    ? Pick<D, Extract<keyof D, F extends `${infer Field}.${string}` ? Field : F>>
    : never;

/** Options of `@OnEvent` and `@OnCommand`. */
export interface HandlerOptions<D = never, F extends string = string> {
  /**
   * The fields the handler reads, as `'orderId'` or `'total.amount'`. Others may then be removed from
   * the contract; these may not, and the refusal names the handler. The type of its data shrinks to
   * them. @default all
   */
  readonly uses?: readonly F[];
  /**
   * The name under which handled messages are remembered. Keep it when the class or the method is
   * renamed. @default '<Class>.<method>'
   */
  readonly consumer?: string;
  /** Consumer group, used exactly as written. @default the service's name */
  readonly group?: string;
  /** @default the configuration's `messaging.retry` */
  readonly retry?: RetryPolicy;
  /**
   * What becomes of a message whose tries are used up, or that cannot get better. `dead-letter`: it
   * goes to `<topic>.dlt` and its key goes on. `park`: it is kept, and for this handler the messages
   * of its key are kept behind it, in order, until it was replayed or discarded. @default
   * 'dead-letter'
   */
  readonly onFailure?: 'dead-letter' | 'park';
  /** How a parked message is tried again by itself. @default it waits for an operator */
  readonly park?: {
    readonly retry: {
      /** Tries besides those before it was parked. @default 10 */
      readonly attempts?: number;
      /** The first pause; each is twice as long as the one before. @default '1m' */
      readonly initial?: number | string;
      /** The longest pause. @default '1h' */
      readonly max?: number | string;
    };
  };
  /**
   * The version of the data within its key, a number that grows. A message whose version is not
   * newer than what was handled of its key comes too late.
   */
  readonly version?: (data: D) => number | bigint;
  /** What becomes of a message that comes too late: it is skipped, or given up. @default 'skip' */
  readonly onStale?: 'skip' | 'fail';
  /**
   * `once`: in a transaction that remembers the message, so that a redelivery has no second effect.
   * `at-least-once`: without a transaction, and without the database unless it fails for good; for
   * handlers that may run twice, such as one that fills a cache. @default 'once'
   */
  readonly effects?: 'once' | 'at-least-once';
  /**
   * Whether messages of one key are handled one after the other. Without order, a message that is
   * tried again holds up nobody. @default true
   */
  readonly ordered?: boolean;
  /** Messages of different keys handled at once. @default `messaging.concurrency` */
  readonly concurrency?: number;
  /** How long one try may take. @default `messaging.handlerTimeout` */
  readonly timeout?: number | string;
}

/** {@link HandlerOptions} after validation. */
export type ResolvedHandlerOptions = z.output<typeof handlerSchema>;
/** {@link RetryPolicy} with its defaults, durations in milliseconds. */
export type ResolvedRetryPolicy = z.output<typeof retrySchema>;

/** How parked messages are tried again, durations in milliseconds. */
export type ResolvedParking = z.output<typeof parkSchema>;

/** Validates the options of a handler. @throws InvalidOptionError */
export function resolveHandlerOptions(options: unknown, place: string): ResolvedHandlerOptions {
  return resolveOptions(handlerSchema, options, place);
}
