import { systemRandom, type Clock, type Random } from '@rookery/core';
import type { SagaDefinition } from '../definition/saga-definition.js';
import {
  ignoredReply,
  sagaTransition,
  stepTransition,
  type IgnoredReply,
  type SagaTransition,
  type StepTransition,
} from '../saga.channels.js';
import { SagaDefinitionError, SagaStateError } from '../saga.errors.js';
import { undo, undoDue } from './backward.js';
import { sagaId } from './command-id.js';
import { begin, deadlineCounts, stepDue, turnRound } from './forward.js';
import { migrateState, parseState } from './migrate-state.js';
import { findCommand, takeAnswer } from './replies.js';
import { nextDue, note, type SagaInstance, type StepRecord } from './saga-instance.js';
import { SagaRun } from './saga-run.js';
import type {
  IncomingReply,
  KnownSaga,
  SagaStore,
  SagaTracer,
  SagaTransport,
} from './saga-ports.js';

/** Hears what the channels are told, of one engine only. */
export interface SagaListener {
  transition(message: SagaTransition): void;
  step(message: StepTransition): void;
  ignored(message: IgnoredReply): void;
}

/** What an engine is made of. */
export interface SagaEngineParts {
  /** Name of the service, as channels tell it. */
  readonly app: string;
  readonly definitions: readonly SagaDefinition[];
  readonly store: SagaStore;
  readonly transport: SagaTransport;
  readonly tracer: SagaTracer;
  readonly clock: Clock;
  readonly random?: Random;
  /** Told after each commit when something falls due, so that it need not be looked for. */
  readonly onDue?: (dueAt: number) => void;
  readonly listener?: SagaListener;
}

/** First pause after work on an instance threw; doubles up to the last. */
const FAULT_PAUSE_MS = 1_000;
const MAX_FAULT_PAUSE_MS = 300_000;

/**
 * Runs sagas. Each call works off one message or one timer in one transaction: it locks the
 * instance, decides, runs local steps, writes commands and the instance. Any number of engines may
 * work on one store.
 */
export class SagaEngine {
  readonly #definitions: ReadonlyMap<string, SagaDefinition>;
  readonly #known: readonly KnownSaga[];

  constructor(private readonly parts: SagaEngineParts) {
    const { definitions } = parts;
    this.#definitions = new Map(definitions.map((definition) => [definition.name, definition]));
    this.#known = definitions.map(({ name: saga, version }) => ({ saga, version }));
    const twice = definitions.find(
      (definition) => this.#definitions.get(definition.name) !== definition,
    );
    if (twice !== undefined) {
      throw new SagaDefinitionError(twice.name, ['two sagas have this name']);
    }
  }

  /**
   * Begins a saga, unless there is one for the same business object.
   *
   * @returns the instance's id, `undefined` when there was one
   * @throws SagaStateError when the first state does not fit
   */
  async start(
    name: string,
    data: unknown,
    origin: { readonly correlationId: string },
  ): Promise<string | undefined> {
    const definition = this.#definitions.get(name);
    if (definition === undefined) throw new SagaDefinitionError(name, ['is not known here']);
    const instance = await this.#create(definition, data, origin.correlationId);
    return this.parts.store.transaction(async () => {
      if (!(await this.parts.store.insert(instance))) return undefined;
      await this.#work(definition, instance, async () => undefined);
      return instance.id;
    });
  }

  /** Takes a reply to a command. One that nobody waits for changes nothing. */
  async reply(reply: IncomingReply): Promise<void> {
    const { store } = this.parts;
    await store.transaction(async () => {
      const instance = await store.lock(reply.sagaId);
      const definition = instance && this.#definitions.get(instance.saga);
      if (instance === undefined || definition === undefined) {
        this.#ignore(reply, 'unknown-saga');
        return;
      }
      await this.#work(definition, instance, async (run) => {
        const target = findCommand(run, reply.inReplyTo);
        if (target === undefined) this.#ignore(reply, 'unknown-command');
        else if (!(await takeAnswer(run, target, reply))) this.#ignore(reply, 'repeated');
      });
    });
  }

  /** Works off the longest due instance that no other engine works on. False when there is none. */
  async runDue(): Promise<boolean> {
    const { store, tracer, clock } = this.parts;
    let failing: SagaInstance | undefined;
    try {
      return await store.transaction(async () => {
        const instance = await store.lockDue(clock.now(), this.#known);
        const definition = instance && this.#definitions.get(instance.saga);
        if (instance === undefined || definition === undefined) return false;
        failing = instance;
        await tracer.within(instance, () => this.#work(definition, instance, workOffTimers));
        return true;
      });
    } catch (error) {
      if (failing === undefined) throw error;
      await this.#postpone(failing.id, error);
      return true;
    }
  }

  /** When the next instance falls due. */
  nextDue(): Promise<number | undefined> {
    return this.parts.store.nextDue(this.#known);
  }

  async #create(
    definition: SagaDefinition,
    data: unknown,
    correlationId: string,
  ): Promise<SagaInstance> {
    const { clock, tracer } = this.parts;
    const state = parseState(definition, await definition.begin(data), 'first state');
    const key = state[definition.key];
    if (typeof key !== 'string' || key === '') {
      throw new SagaStateError(`saga ${definition.name}: ${definition.key} is no text to go by`);
    }
    const now = clock.now();
    const instance: SagaInstance = {
      id: sagaId(definition.name, key),
      saga: definition.name,
      version: definition.version,
      key,
      status: 'running',
      state,
      steps: {},
      history: [],
      startedAt: now,
      updatedAt: now,
      ...(definition.deadlineMs === undefined ? {} : { deadlineAt: now + definition.deadlineMs }),
      correlationId,
      carrier: tracer.capture(),
      revision: 0,
    };
    note(instance, now, 'started');
    return instance;
  }

  async #work(
    definition: SagaDefinition,
    instance: SagaInstance,
    change: (run: SagaRun) => Promise<void>,
  ): Promise<void> {
    const { store, transport, clock, random = systemRandom } = this.parts;
    await migrateState(definition, instance);
    const run = new SagaRun(definition, instance, { store, transport, now: clock.now(), random });
    const before = snapshot(instance);
    await change(run);
    await begin(run);
    await undo(run);
    const due = nextDue(instance, deadlineCounts(run));
    if (due === undefined) delete instance.dueAt;
    else instance.dueAt = due;
    instance.updatedAt = run.now;
    await store.save(instance);
    store.afterCommit(() => this.#tell(before, instance));
  }

  #tell(before: Snapshot, instance: SagaInstance): void {
    const { app, onDue, listener } = this.parts;
    const { saga, id, status, why, dueAt } = instance;
    if (dueAt !== undefined) onDue?.(dueAt);
    if (status !== before.status || instance.revision === 1) {
      const message = { app, saga, id, status, reason: why?.code };
      sagaTransition.publish(message);
      listener?.transition(message);
    }
    for (const [step, record] of Object.entries(instance.steps)) {
      if (record.status === before.steps.get(step) || !ENDS.has(record.status)) continue;
      const leg = record.status === 'compensated' ? (record.compensation ?? record) : record;
      const durationMs =
        (leg.endedAt ?? instance.updatedAt) - (leg.startedAt ?? instance.updatedAt);
      const message = {
        app,
        saga,
        id,
        step,
        status: record.status,
        durationMs,
        attempts: leg.attempts,
      };
      stepTransition.publish(message);
      listener?.step(message);
    }
  }

  #ignore(reply: IncomingReply, reason: IgnoredReply['reason']): void {
    const { app, listener } = this.parts;
    const message = { app, id: reply.sagaId, contract: reply.contract.name, reason };
    ignoredReply.publish(message);
    listener?.ignored(message);
  }

  /** An instance whose work throws must not keep the others from theirs. */
  async #postpone(id: string, error: unknown): Promise<void> {
    const { store, clock } = this.parts;
    await store.transaction(async () => {
      const instance = await store.lock(id);
      if (instance === undefined) return;
      const now = clock.now();
      const faults = instance.history.filter(({ what }) => what === FAULT).length;
      const pause = Math.min(FAULT_PAUSE_MS * 2 ** faults, MAX_FAULT_PAUSE_MS);
      const reason = (error instanceof Error ? error.message : String(error)).slice(0, 500);
      note(instance, now, FAULT, { reason });
      instance.dueAt = now + pause;
      instance.updatedAt = now;
      await store.save(instance);
      store.afterCommit(() => this.parts.onDue?.(now + pause));
    });
  }
}

const FAULT = 'fault, will be tried again';
const ENDS = new Set<StepRecord['status']>(['done', 'failed', 'in-doubt', 'compensated']);

interface Snapshot {
  readonly status: SagaInstance['status'];
  readonly steps: ReadonlyMap<string, StepRecord['status']>;
}

function snapshot({ status, steps }: SagaInstance): Snapshot {
  return {
    status,
    steps: new Map(Object.entries(steps).map(([step, record]) => [step, record.status])),
  };
}

async function workOffTimers(run: SagaRun): Promise<void> {
  const { instance, now } = run;
  if (deadlineCounts(run) && instance.deadlineAt !== undefined && instance.deadlineAt <= now) {
    turnRound(run, { code: 'DEADLINE_EXCEEDED', message: 'the saga took too long' });
  }
  for (const step of run.definition.steps) {
    const record = run.record(step);
    if (record.wait !== undefined && record.wait.dueAt <= now) await stepDue(run, step);
    const undoing = record.compensation?.wait;
    if (undoing !== undefined && undoing.dueAt <= now) await undoDue(run, step);
  }
}
