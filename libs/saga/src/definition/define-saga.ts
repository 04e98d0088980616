import { durationOption, InvalidOptionError, resolveOptions } from '@rookery/core';
import { z } from 'zod';
import { SagaDefinitionError } from '../saga.errors.js';
import { checkGraph, inOrder, names } from './check-definition.js';
import type { SagaDefinition, SagaState, StepDefinition } from './saga-definition.js';
import { metadataOf, type SagaMetadata, type SagaOptions } from './saga-metadata.js';

const backoffSchema = z.strictObject({
  initial: durationOption().default(1_000),
  max: durationOption().default(60_000),
  factor: z.number().min(1).max(10).default(2),
});

const retrySchema = z.union([
  z.int().min(1).max(1_000),
  z.strictObject({
    attempts: z.int().min(1).max(1_000).optional(),
    backoff: backoffSchema.optional(),
  }),
]);

const contract = z.custom<never>((value) => typeof value === 'object' && value !== null);

const stepSchema = z.strictObject({
  after: z.union([z.string(), z.array(z.string())]).optional(),
  send: contract.optional(),
  timeout: durationOption().optional(),
  retry: retrySchema.optional(),
  retriable: z.boolean().default(false),
  readOnly: z.boolean().default(false),
});

const compensationSchema = z.strictObject({
  send: contract.optional(),
  timeout: durationOption().optional(),
});

const sagaSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected kebab case'),
  version: z.int().min(1).default(1),
  state: z.custom<z.ZodType>((value) => value instanceof z.ZodType, 'expected a zod schema'),
  key: z.string().min(1),
  deadline: durationOption().optional(),
});

const DEFAULT_BACKOFF = { initialMs: 1_000, maxMs: 60_000, factor: 2 };

type Method = (...args: unknown[]) => never;

/** What {@link defineSaga} takes from configuration. */
export interface SagaDefaults {
  /** How long a reply is waited for by steps that do not say. */
  readonly stepTimeoutMs: number;
}

/**
 * Makes a saga of an instance whose class carries the decorators.
 *
 * @throws SagaDefinitionError naming everything that is wrong
 */
export function defineSaga(instance: object, defaults: SagaDefaults): SagaDefinition {
  const metadata = metadataOf(Object.getPrototypeOf(instance) as object);
  const className = instance.constructor.name;
  if (metadata.options === undefined) {
    throw new SagaDefinitionError(className, ['the class has no @Saga']);
  }
  const options = checked(className, () =>
    resolveOptions(sagaSchema, shallow(metadata.options as SagaOptions), `@Saga ${className}`),
  );
  const problems = [...checkGraph(metadata), ...checkVersions(metadata, options.version)];
  const [start, ...others] = metadata.starts;
  if (start === undefined || others.length > 0) {
    problems.unshift(`it has ${metadata.starts.length} of @Start, expected one`);
  }
  if (problems.length > 0 || start === undefined) {
    throw new SagaDefinitionError(options.name, problems);
  }
  const call = (method: string): Method => {
    const methods = instance as Record<string, Method>;
    return (...args) => (methods[method] as Method).apply(instance, args);
  };
  return {
    name: options.name,
    version: options.version,
    state: options.state,
    key: options.key,
    deadlineMs: options.deadline,
    start: start.event,
    begin: call(start.method),
    steps: inOrder(
      metadata.steps.map((step) => stepOf(step, metadata, call, defaults, options.name)),
    ),
    migrations: new Map(
      metadata.migrations.map(({ from, method }) => [
        from,
        call(method) as (s: SagaState) => SagaState,
      ]),
    ),
  };
}

function stepOf(
  { method, pivot, options: written }: SagaMetadata['steps'][number],
  metadata: SagaMetadata,
  call: (method: string) => Method,
  defaults: SagaDefaults,
  saga: string,
): StepDefinition {
  const options = checked(saga, () =>
    resolveOptions(stepSchema, shallow(written), `${pivot ? '@Pivot' : '@Step'} ${method}`),
  );
  const { retry, retriable } = options;
  const attempts = typeof retry === 'number' ? retry : retry?.attempts;
  const backoff = typeof retry === 'object' ? retry.backoff : undefined;
  const timeout = metadata.timeouts.find(({ step }) => step === method);
  return {
    name: method,
    after: names(options.after),
    send: options.send,
    timeoutMs: options.timeout ?? defaults.stepTimeoutMs,
    attempts: retriable ? Infinity : (attempts ?? 1),
    backoff:
      backoff === undefined
        ? DEFAULT_BACKOFF
        : { initialMs: backoff.initial, maxMs: backoff.max, factor: backoff.factor },
    pivot,
    retriable,
    readOnly: options.readOnly,
    run: call(method),
    replies: new Map(
      metadata.replies
        .filter(({ step }) => step === method)
        .map((reply) => [
          reply.contract.name,
          call(reply.method) as (state: SagaState, data: unknown) => SagaState,
        ]),
    ),
    compensation: compensationOf(method, metadata, call, defaults, saga),
    onTimeout: timeout && call(timeout.method),
  };
}

function compensationOf(
  step: string,
  metadata: SagaMetadata,
  call: (method: string) => Method,
  defaults: SagaDefaults,
  saga: string,
): StepDefinition['compensation'] {
  const found = metadata.compensations.find((compensation) => compensation.step === step);
  if (found === undefined) return undefined;
  const options = checked(saga, () =>
    resolveOptions(compensationSchema, shallow(found.options), `@Compensate ${found.method}`),
  );
  return {
    send: options.send,
    timeoutMs: options.timeout ?? defaults.stepTimeoutMs,
    backoff: DEFAULT_BACKOFF,
    run: call(found.method),
  };
}

function checkVersions({ migrations }: SagaMetadata, version: number): string[] {
  const from = migrations.map((migration) => migration.from);
  const missing = Array.from({ length: version - 1 }, (_, index) => index + 1)
    .filter((number) => !from.includes(number))
    .map((number) => `version ${version} needs @Migrate({ from: ${number} })`);
  const idle = migrations
    .filter((migration) => migration.from < 1 || migration.from >= version)
    .map(({ method, from: number }) => `@Migrate ${method}: there is no version after ${number}`);
  return [...missing, ...idle];
}

/** A copy, because validated options are frozen, and contracts and schemas are not ours to freeze. */
function shallow<T extends object>(options: T): T {
  return { ...options };
}

function checked<T>(saga: string, resolve: () => T): T {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    throw new SagaDefinitionError(
      saga,
      error.problems.map((problem) => `${error.place}: ${problem}`),
    );
  }
}
