import type { ReplyContract } from '@rookery/messaging';
import { isRookeryError } from '@rookery/core';
import type {
  CompensationDefinition,
  SagaDefinition,
  SagaState,
  StepDefinition,
} from '../definition/saga-definition.js';
import { commandId, type Direction } from './command-id.js';
import { decisionOf, kindOf, StepFailed, type Decision, type Why } from './decision.js';
import { parseState } from './migrate-state.js';
import { note, type Leg, type SagaInstance, type StepRecord } from './saga-instance.js';
import type { SagaStore, SagaTransport } from './saga-ports.js';

/** What a run needs besides the instance. */
export interface RunContext {
  readonly store: SagaStore;
  readonly transport: SagaTransport;
  readonly now: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How the doing of a try ended. */
export type Attempt =
  | { readonly kind: 'sent' }
  | { readonly kind: 'done'; readonly state?: SagaState | undefined }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; final: boolean };

/** An instance with its definition, while one message or timer is worked off. */
export class SagaRun {
  constructor(
    readonly definition: SagaDefinition,
    readonly instance: SagaInstance,
    readonly context: RunContext,
  ) {}

  get now(): number {
    return this.context.now;
  }

  record(step: StepDefinition): StepRecord {
    return (this.instance.steps[step.name] ??= {
      status: 'waiting',
      held: false,
      attempts: 0,
      epoch: 0,
    });
  }

  note(what: string, step?: StepDefinition, leg?: Leg, reason = leg?.reason): void {
    note(this.instance, this.now, what, {
      ...(step === undefined ? {} : { step: step.name }),
      ...(leg === undefined || leg.attempts < 2 ? {} : { attempt: leg.attempts }),
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /** @throws SagaStateError when the state does not fit the schema */
  setState(state: unknown): void {
    this.instance.state = parseState(this.definition, state, 'state');
  }

  /** Does one try of a step or of its compensation; what it wrote is undone when it fails. */
  async attempt(
    step: StepDefinition,
    doing: StepDefinition | CompensationDefinition,
    direction: Direction,
    leg: Leg,
  ): Promise<Attempt> {
    leg.attempts++;
    leg.startedAt ??= this.now;
    delete leg.wait;
    const { store, transport } = this.context;
    const { state, why = UNKNOWN, id } = this.instance;
    try {
      return await store.savepoint(async () => {
        const result: unknown = await doing.run(state, why);
        if (doing.send === undefined) return this.#finished(result);
        await transport.send({
          id: commandId(id, step.name, direction, leg.epoch),
          command: doing.send,
          data: result,
          sagaId: id,
          correlationId: this.instance.correlationId,
        });
        leg.sent = true;
        return doing.send.replies.length === 0 ? { kind: 'done' } : { kind: 'sent' };
      });
    } catch (error) {
      return failed(error);
    }
  }

  /** The last answer was final for its command: the next try is a new command. */
  renew(leg: Leg): void {
    leg.epoch++;
    leg.sent = false;
  }

  /** Turns a local step's result into a state, within the savepoint, so that a bad one fails it. */
  #finished(result: unknown): Attempt {
    if (result === undefined || result === null) return { kind: 'done' };
    this.setState(result);
    return { kind: 'done', state: this.instance.state };
  }

  /** Waits for the reply; each further try waits longer, up to ten times. */
  awaitReply(leg: Leg, timeoutMs: number): void {
    const factor = Math.min(2 ** (leg.attempts - 1), 10);
    leg.wait = { for: 'reply', dueAt: this.now + timeoutMs * factor };
  }

  /** Waits before the next try, with jitter so that sagas that failed together spread. */
  awaitRetry(leg: Leg, { backoff }: StepDefinition | CompensationDefinition): void {
    const full = Math.min(
      backoff.initialMs * backoff.factor ** (Math.max(1, leg.attempts) - 1),
      backoff.maxMs,
    );
    const pause = Math.round(full * (0.5 + this.context.random() / 2));
    leg.wait = { for: 'retry', dueAt: this.now + pause };
  }
}

const UNKNOWN: Why = { code: 'UNKNOWN' };

function failed(error: unknown): Attempt {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof StepFailed) {
    return { kind: 'failed', code: error.code, message, final: true };
  }
  const code = isRookeryError(error) ? error.code : 'STEP_FAILED';
  return { kind: 'failed', code, message: message.slice(0, 500), final: false };
}

/** What the handler of a reply, or its absence, makes of a state. */
export interface ReplyVerdict {
  readonly state?: SagaState;
  readonly outcome: 'done' | 'harmless' | 'failed' | 'retry';
  readonly why?: Why;
}

/** Asks the step's handler what to make of a reply. */
export async function judgeReply(
  step: StepDefinition,
  state: SagaState,
  contract: ReplyContract,
  data: unknown,
): Promise<ReplyVerdict> {
  const handler = step.replies.get(contract.name);
  const result: unknown = handler === undefined ? undefined : await handler(state, data);
  const decision: Decision<SagaState> | undefined = decisionOf(result);
  const success = contract.outcome === 'success';
  if (decision === undefined) {
    const changed = result === undefined || result === null ? {} : { state: result as SagaState };
    return success
      ? { ...changed, outcome: 'done' }
      : { ...changed, outcome: 'failed', why: { ...refusal(contract, data), step: step.name } };
  }
  switch (kindOf(decision)) {
    case 'retry':
      return { outcome: 'retry' };
    case 'proceed': {
      const { state: next } = decision as { state?: SagaState };
      return {
        ...(next === undefined ? {} : { state: next }),
        outcome: success ? 'done' : 'harmless',
      };
    }
    case 'compensate': {
      const { code, message } = decision as { code: string; message?: string };
      const why = { code, ...(message === undefined ? {} : { message }), step: step.name };
      return { outcome: 'failed', why };
    }
  }
}

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** The reason of a refusal: its `code`, or its `reason` where that is a code, else its name. */
function refusal(contract: ReplyContract, data: unknown): Why {
  const { code, reason, message } = (data ?? {}) as Record<string, unknown>;
  const found = [code, reason].find((value) => typeof value === 'string' && CODE.test(value));
  const text = [message, reason].find((value) => typeof value === 'string' && value !== found);
  return {
    code: (found as string | undefined) ?? constantCase(contract.name.split('.').at(-1) ?? ''),
    ...(text === undefined ? {} : { message: (text as string).slice(0, 500) }),
  };
}

/** `card-refused` or `reserveStock` as `CARD_REFUSED`, `RESERVE_STOCK`. */
export function constantCase(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
}
