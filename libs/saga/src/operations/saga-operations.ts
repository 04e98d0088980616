import { z } from 'zod';
import type { SagaDefinition } from '../definition/saga-definition.js';
import type { HistoryEntry, SagaInstance, SagaStatus } from '../engine/saga-instance.js';
import type { SagaStore } from '../engine/saga-ports.js';
import { InvalidSagaQueryError, SagaNotFoundError } from '../saga.errors.js';

/** A step as operators see it. Times are milliseconds since the epoch. */
export interface StepView {
  readonly name: string;
  readonly after: readonly string[];
  readonly pivot: boolean;
  readonly command?: string;
  readonly status: string;
  readonly attempts: number;
  readonly reason?: string;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** When its reply is given up, or its next try is due. */
  readonly dueAt?: number;
  readonly compensation?: {
    readonly attempts: number;
    readonly startedAt?: number;
    readonly endedAt?: number;
    readonly dueAt?: number;
    readonly reason?: string;
  };
}

/** A saga in a list. */
export interface SagaSummary {
  readonly id: string;
  readonly saga: string;
  readonly version: number;
  readonly key: string;
  readonly state: SagaStatus;
  readonly reason?: string;
  readonly message?: string;
  /** Steps that are under way, done or undone. */
  readonly steps: readonly StepView[];
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly endedAt?: number;
  readonly dueAt?: number;
  readonly correlationId: string;
  readonly traceId?: string;
}

/** A saga with all that is known of it. */
export interface SagaDetails extends SagaSummary {
  /** What the saga keeps. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly timeline: readonly HistoryEntry[];
}

/** How many sagas there are. */
export interface SagaCount {
  readonly saga: string;
  readonly state: SagaStatus;
  readonly count: number;
}

const query = z.strictObject({
  saga: z.string().max(100).optional(),
  state: z.enum(['running', 'compensating', 'completed', 'compensated', 'failed']).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

/** What {@link SagaOperations.list} takes. */
export type SagaQuery = z.input<typeof query>;

/** What operators may ask of the sagas of this service. */
export class SagaOperations {
  readonly #definitions = new Map<string, SagaDefinition>();

  constructor(private readonly store: SagaStore) {}

  /** @internal Tells the graphs, once they are known. */
  know(definitions: readonly SagaDefinition[]): void {
    for (const definition of definitions) this.#definitions.set(definition.name, definition);
  }

  /**
   * The newest sagas, at most `limit` (default 50, at most 200).
   *
   * @throws InvalidSagaQueryError when asked for what cannot be
   */
  async list(filter: SagaQuery = {}): Promise<SagaSummary[]> {
    const parsed = query.safeParse(filter);
    if (!parsed.success) {
      throw new InvalidSagaQueryError(
        parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'query'}: ${message}`),
      );
    }
    const { saga, state, limit } = parsed.data;
    const found = await this.store.list({
      limit,
      ...(saga === undefined ? {} : { saga }),
      ...(state === undefined ? {} : { status: state }),
    });
    return found.map((instance) => this.#summary(instance));
  }

  /**
   * One saga with its timeline.
   *
   * @throws SagaNotFoundError when there is none of that id
   */
  async find(id: string): Promise<SagaDetails> {
    const instance = await this.store.find(id);
    if (instance === undefined) throw new SagaNotFoundError(id);
    return { ...this.#summary(instance), data: instance.state, timeline: instance.history };
  }

  /** How many sagas are kept, by name and state. */
  async counts(): Promise<SagaCount[]> {
    const counts = await this.store.counts();
    return counts.map(({ saga, status, count }) => ({ saga, state: status, count }));
  }

  #summary(instance: SagaInstance): SagaSummary {
    const { id, saga, version, key, status, why, startedAt, updatedAt, correlationId } = instance;
    const traceId = instance.carrier['traceparent']?.split('-')[1];
    return {
      id,
      saga,
      version,
      key,
      state: status,
      ...defined({ reason: why?.code, message: why?.message }),
      steps: this.#steps(instance),
      startedAt,
      updatedAt,
      correlationId,
      ...defined({ endedAt: instance.endedAt, dueAt: instance.dueAt, traceId }),
    };
  }

  #steps({ saga, steps }: SagaInstance): StepView[] {
    const known = this.#definitions.get(saga)?.steps ?? [];
    const names = [...new Set([...known.map(({ name }) => name), ...Object.keys(steps)])];
    return names.map((name) => {
      const definition = known.find((step) => step.name === name);
      const record = steps[name];
      const { compensation } = record ?? {};
      return {
        name,
        after: definition?.after ?? [],
        pivot: definition?.pivot ?? false,
        status: record?.status ?? 'waiting',
        attempts: record?.attempts ?? 0,
        ...defined({
          command: definition?.send?.name,
          reason: record?.reason,
          startedAt: record?.startedAt,
          endedAt: record?.endedAt,
          dueAt: record?.wait?.dueAt,
        }),
        ...(compensation === undefined
          ? {}
          : {
              compensation: {
                attempts: compensation.attempts,
                ...defined({
                  startedAt: compensation.startedAt,
                  endedAt: compensation.endedAt,
                  dueAt: compensation.wait?.dueAt,
                  reason: compensation.reason,
                }),
              },
            }),
      };
    });
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out what is undefined. */
function defined<T extends object>(values: T): Defined<T> {
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as Defined<T>;
}
