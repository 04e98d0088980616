import type { Clock } from '@rookery/core';
import { reasonOf, type KafkaLog } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import type { ConsumerHandler } from '../consumer/consumer-handler.js';
import type { Ended, HandlerRun } from '../consumer/handler-run.js';
import type { Outcome } from '../consumer/message-processor.js';
import { failureKind } from '../consumer/retry-decision.js';
import { RouteTable, type Routed } from '../consumer/route-table.js';
import { Slots } from '../consumer/slots.js';
import { typeOf } from '../envelope/envelope.js';
import {
  MessageChangedError,
  MessageInUseError,
  MessageNotFoundError,
  MessageNotFirstError,
  NoHandlerError,
  UnreadableRecordError,
} from '../messaging.errors.js';
import { errorText } from '../consumer/error-facts.js';
import type { FailedMessages } from '../parking/failed-messages.js';
import { recordOf, type FailureRow, type FailureRows } from '../parking/failure-rows.js';
import type { By, MessageActions } from '../operations/message-actions.js';

/** The handlers of this process. */
export interface Handlers {
  handlerOf(consumer: string): ConsumerHandler | undefined;
  handlersIn(group: string): readonly ConsumerHandler[];
}

/** What a {@link Replayer} needs. */
export interface ReplayerParts {
  readonly host: TransactionHost;
  readonly failures: FailedMessages;
  readonly rows: FailureRows;
  readonly actions: MessageActions;
  readonly handlers: Handlers;
  readonly run: HandlerRun;
  readonly clock: Clock;
  readonly log: KafkaLog;
  readonly onOutcome: (consumer: string, outcome: Outcome, seconds: number) => void;
}

/** How a replay is done. */
export interface ReplayCall extends By {
  /** The revision that the caller has seen. @default the newest */
  readonly revision?: number | undefined;
  readonly jobId?: string | undefined;
  /** `retry` for a try that nobody has asked for. @default 'replay' */
  readonly action?: 'replay' | 'retry';
  readonly signal: AbortSignal;
}

/** What became of a replay. */
export interface ReplayResult {
  readonly outcome: Ended | 'failed';
  /** Name and message of the error, when it failed. */
  readonly error?: string;
}

/** What became of the replay of a key. */
export interface KeyReplay {
  readonly replayed: number;
  /** Why it stopped before the end of the key. */
  readonly stopped?: { readonly id: string; readonly error: string };
  /** Whether the key still waits, because there was more than one call may do. */
  readonly more: boolean;
}

/** Messages of a key that one call replays at most. */
const KEY_LIMIT = 1_000;
const MAX_DOUBLINGS = 30;

/**
 * Has failed messages handled again, by the handler that failed them, in a transaction that ends the
 * row as well. The inbox guards as ever; a parked message comes only when it is the first of its
 * key, under the lock that new messages of the key take too.
 */
export class Replayer {
  constructor(private readonly parts: ReplayerParts) {}

  /**
   * Replays one message.
   *
   * @throws MessageNotFoundError, MessageChangedError, MessageNotFirstError, MessageInUseError,
   *   NoHandlerError, and when the database is away whatever it throws
   */
  async replay(id: string, call: ReplayCall): Promise<ReplayResult> {
    const { rows, clock, onOutcome } = this.parts;
    const row = await rows.find(id);
    if (row === undefined) throw new MessageNotFoundError(id);
    if ((call.revision ?? row.revision) !== row.revision || !isOpen(row)) {
      throw new MessageChangedError(id, row.status, row.revision);
    }
    const routed = this.#routed(row);
    const start = clock.monotonic();
    try {
      let outcome: Ended = 'duplicate';
      for (const one of routed) {
        const { consumer } = one.handler;
        outcome = await this.#once(one, row, call, one === routed.at(-1));
        onOutcome(consumer, outcome, (clock.monotonic() - start) / 1_000);
      }
      return { outcome };
    } catch (error) {
      if (isRefusal(error) || failureKind(error) === 'outage') throw error;
      call.signal.throwIfAborted();
      return this.#failed(row, routed[0]?.handler, error, call);
    }
  }

  /** Replays what waits of the key of a message, in order, until one fails; a dead one by itself. */
  async replayKey(id: string, call: ReplayCall): Promise<KeyReplay> {
    const { failures, rows } = this.parts;
    const row = await rows.find(id);
    if (row === undefined) throw new MessageNotFoundError(id);
    const { consumer, topic, key } = row;
    if (row.status === 'dead' || key === null) {
      const { outcome, error } = await this.replay(id, call);
      if (outcome !== 'failed') return { replayed: 1, more: false };
      return { replayed: 0, more: false, stopped: { id, error: error ?? '' } };
    }
    for (let replayed = 0; replayed < KEY_LIMIT; replayed += 1) {
      call.signal.throwIfAborted();
      const first = await failures.first({ consumer, topic, key });
      if (first === undefined) return { replayed, more: false };
      const { outcome, error } = await this.replay(first, { ...call, revision: undefined });
      if (outcome === 'failed') {
        return { replayed, more: true, stopped: { id: first, error: error ?? '' } };
      }
    }
    return { replayed: KEY_LIMIT, more: true };
  }

  /** Its handler; what nobody could read was given up by the group as a whole. */
  #routed(row: FailureRow): readonly Routed[] {
    const { handlers } = this.parts;
    const own = handlers.handlerOf(row.consumer);
    const record = recordOf(row);
    const table = new RouteTable(
      own === undefined ? handlers.handlersIn(row.group) : [own],
      new Slots(1),
      'dead-letter',
    );
    const destination = table.destinationOf(record);
    if ('routed' in destination) return destination.routed;
    throw new NoHandlerError(row.consumer, typeOf(record) ?? '');
  }

  async #once(
    { handler, delivery }: Routed,
    row: FailureRow,
    call: ReplayCall,
    last: boolean,
  ): Promise<Ended> {
    const message = delivery.read();
    if (message instanceof UnreadableRecordError) throw message;
    const { failures, actions, run } = this.parts;
    const { id, revision } = row;
    return run.once(handler, {
      record: delivery.record,
      message,
      attempt: row.attempts + 1,
      arrival: { place: `replay/${id}/${revision}`, again: true },
      cancel: call.signal,
      within: {
        begin: () => this.#admit(row),
        end: async (how) => {
          if (!last) return;
          await failures.end(id, 'replayed');
          await actions.note(
            id,
            { ...by(call), action: call.action ?? 'replay', outcome: how },
            call.jobId,
          );
          // Should this process end here, the rest of the key is not forgotten.
          if (row.status === 'parked' && row.key !== null && handler.park !== undefined) {
            await failures.rouse({ consumer: row.consumer, topic: row.topic, key: row.key });
          }
        },
      },
    });
  }

  async #admit({ id, status, revision, consumer, topic, key }: FailureRow): Promise<void> {
    const { failures, rows } = this.parts;
    if (status === 'parked' && key !== null) {
      const of = { consumer, topic, key };
      if (!(await failures.tryLock(of))) throw new MessageInUseError(id);
      const first = await failures.first(of);
      if (first !== undefined && first !== id) throw new MessageNotFirstError(id, first);
    }
    if (!(await rows.lock(id, revision))) throw new MessageChangedError(id, status, revision);
  }

  async #failed(
    row: FailureRow,
    handler: ConsumerHandler | undefined,
    error: unknown,
    call: ReplayCall,
  ): Promise<ReplayResult> {
    const { host, failures, actions, log, onOutcome } = this.parts;
    const { id, revision, consumer, messageId } = row;
    const text = errorText(error) ?? '';
    await host.run(
      async () => {
        const retryInMs = row.status === 'parked' ? nextPause(handler, row.replays) : undefined;
        const reason =
          error instanceof UnreadableRecordError
            ? error.reason
            : failureKind(error) === 'permanent'
              ? 'not-retryable'
              : 'retries-exhausted';
        if (!(await failures.failAgain(id, revision, { error, reason, retryInMs }))) return;
        const action = call.action ?? 'replay';
        await actions.note(id, { ...by(call), action, outcome: `failed: ${text}` }, call.jobId);
      },
      { propagation: 'requires-new' },
    );
    onOutcome(consumer, 'retried', 0);
    log('warn', `the replay of ${messageId} in ${consumer} failed (${reasonOf(error)})`, {
      consumer,
      messageId,
      err: error,
    });
    return { outcome: 'failed', error: text };
  }
}

function isOpen({ status }: FailureRow): boolean {
  return status === 'parked' || status === 'dead';
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof MessageInUseError ||
    error instanceof MessageNotFirstError ||
    error instanceof MessageChangedError
  );
}

function by({ actor, reason }: By): By {
  return { actor, reason };
}

/** Pause before the next try of a parked message; nothing when its tries are used up. */
function nextPause(handler: ConsumerHandler | undefined, replays: number): number | undefined {
  const retry = handler?.park?.retry;
  if (retry === undefined || replays + 1 >= retry.attempts) return undefined;
  return Math.min(retry.max, retry.initial * 2 ** Math.min(replays + 1, MAX_DOUBLINGS));
}
