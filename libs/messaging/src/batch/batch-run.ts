import { Deadline, isCorrelationId, runInContext, runWithContext, type Clock } from '@rookery/core';
import type { Tracing } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import { arrivalOf, placeOf } from '../consumer/arrival.js';
import type { ConsumerHandler } from '../consumer/consumer-handler.js';
import { laneOf, type Delivery, type Message } from '../consumer/delivery.js';
import { HandlerLimit } from '../consumer/handler-limit.js';
import { ReceivedContext } from '../consumer/received-context.js';
import { SKIPPED } from '../consumer/skipped.js';
import { traceHeaders } from '../envelope/envelope.js';
import type { Inbox } from '../inbox/inbox.js';
import { BatchFailedError } from '../messaging.errors.js';
import { uuidV7 } from '../publish/uuid-v7.js';
import type { BatchFailure, BatchMessage, HandleBatch } from './batch-message.js';

/** What a {@link BatchRun} needs. */
export interface BatchRunParts {
  readonly service: string;
  readonly host: TransactionHost;
  readonly inbox: Inbox;
  readonly tracing: Pick<Tracing, 'run' | 'extract'>;
  readonly clock: Clock;
}

/** A readable message on its way through a batch. */
export interface BatchItem {
  readonly delivery: Delivery;
  readonly message: Message;
}

/** What became of a batch; what is in none of them was handled. */
export interface BatchEnd {
  readonly duplicates: ReadonlySet<BatchItem>;
  readonly skipped: boolean;
  readonly failed: ReadonlyMap<BatchItem, unknown>;
  /** Those after a failed one of their key, which come after it again. */
  readonly behind: ReadonlySet<BatchItem>;
}

/** Spans that one span may name as its causes. */
const MAX_LINKS = 128;

/** The transaction must end without effects, because some of them came too early. */
class OutOfOrder extends Error {
  constructor(readonly end: BatchEnd) {
    super('messages were handled before one of their key that has failed');
  }
}

/** Runs a handler once for many messages: one transaction that remembers all that were handled. */
export class BatchRun {
  constructor(private readonly parts: BatchRunParts) {}

  /**
   * Handles a batch. When messages came after one of their key that has failed, the transaction is
   * rolled back and the rest handled again without them: effects are had once and in order.
   *
   * @throws what the handler has thrown, when all have failed
   */
  async run(
    handler: ConsumerHandler,
    handle: HandleBatch,
    items: readonly BatchItem[],
    cancel: AbortSignal,
  ): Promise<BatchEnd> {
    const failed = new Map<BatchItem, unknown>();
    const behind = new Set<BatchItem>();
    for (let rest = items; ;) {
      try {
        const end = await this.#once(handler, handle, rest, cancel);
        for (const [item, error] of end.failed) failed.set(item, error);
        for (const item of end.behind) behind.add(item);
        return { ...end, failed, behind };
      } catch (error) {
        if (cancel.aborted) throw error;
        if (error instanceof OutOfOrder) {
          for (const [item, cause] of error.end.failed) failed.set(item, cause);
          for (const item of error.end.behind) behind.add(item);
        } else if (failed.size === 0) throw error;
        else for (const item of rest) failed.set(item, error);
        rest = rest.filter((item) => !failed.has(item) && !behind.has(item));
        if (rest.length === 0) return { duplicates: new Set(), skipped: false, failed, behind };
      }
    }
  }

  async #once(
    handler: ConsumerHandler,
    handle: HandleBatch,
    items: readonly BatchItem[],
    cancel: AbortSignal,
  ): Promise<BatchEnd> {
    const { service, tracing, clock, host } = this.parts;
    const limit = new HandlerLimit(handler.consumer, handler.timeoutMs, clock, cancel);
    const [first] = items;
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.type': 'process',
      'messaging.destination.name': first?.delivery.record.topic ?? '',
      'messaging.batch.message_count': items.length,
      'messaging.consumer.group.name': handler.group,
      'rookery.consumer': handler.consumer,
    };
    const links = items
      .slice(0, MAX_LINKS)
      .map(({ delivery }) => tracing.extract(traceHeaders(delivery.record)));
    const work = {
      app: service,
      correlationId: this.#correlationOf(items),
      deadline: Deadline.in(handler.timeoutMs, clock),
      signal: limit.signal,
    };
    const run = (): Promise<BatchEnd> => this.#handle(handler, handle, items, limit);
    const name = `process batch ${first?.message.contract.name ?? ''}`;
    try {
      return await runInContext(work, () =>
        tracing.run(name, { kind: 'consumer', links, attributes }, () =>
          handler.effects === 'once' ? host.run(run, { propagation: 'requires-new' }) : run(),
        ),
      );
    } finally {
      limit.close();
    }
  }

  async #handle(
    handler: ConsumerHandler,
    handle: HandleBatch,
    items: readonly BatchItem[],
    limit: HandlerLimit,
  ): Promise<BatchEnd> {
    const { inbox } = this.parts;
    const { consumer, effects } = handler;
    const fresh = effects === 'once' ? await this.#remember(consumer, items) : [...items];
    const taken = new Set(fresh);
    const duplicates = new Set(items.filter((item) => !taken.has(item)));
    const [first] = fresh;
    const none = { duplicates, skipped: false, failed: new Map(), behind: new Set<BatchItem>() };
    if (first === undefined) return none;
    const messages = fresh.map((item) => messageOf(item, limit));
    const result = await limit
      .run(() => handle(messages, { signal: limit.signal }, first.message.contract))
      .catch((error: unknown) => {
        if (error instanceof BatchFailedError) return error.failures;
        throw error;
      });
    if (result === SKIPPED) return { ...none, skipped: true };
    const failed = failedOf(consumer, result, fresh, messages);
    if (failed.size === 0) return none;
    const behind = handler.ordered ? followersOf(failed, items) : new Set<BatchItem>();
    const end = { duplicates, skipped: false, failed, behind };
    if (effects !== 'once') return end;
    if (fresh.some((item) => behind.has(item))) throw new OutOfOrder(end);
    const ids = [...failed.keys()].map(({ message }) => message.envelope.id);
    await inbox.forget(consumer, ids);
    return end;
  }

  /** Those that were not handled before; of two with one id, the first. */
  async #remember(consumer: string, items: readonly BatchItem[]): Promise<BatchItem[]> {
    const { inbox } = this.parts;
    const first = new Map<string, BatchItem>();
    for (const item of items) {
      const { id } = item.message.envelope;
      if (!first.has(id)) first.set(id, item);
    }
    const added = await inbox.rememberAll(
      consumer,
      [...first].map(([id, { delivery }]) => ({ id, place: placeOf(delivery.record) })),
    );
    const fresh: BatchItem[] = [];
    for (const [id, item] of first) {
      const { record } = item.delivery;
      // It may have been given up, and be wanted again.
      const again = async (): Promise<boolean> =>
        inbox.remember(consumer, id, arrivalOf(record, item.message));
      if (added.has(id) || (await again())) fresh.push(item);
    }
    return fresh;
  }

  /** That of the messages when they have one in common. */
  #correlationOf(items: readonly BatchItem[]): string {
    const ids = new Set(items.map(({ message }) => message.envelope.correlationId));
    const [only] = ids;
    return ids.size === 1 && isCorrelationId(only) ? only : uuidV7(this.parts.clock.now());
  }
}

function messageOf({ delivery, message }: BatchItem, limit: HandlerLimit): BatchMessage {
  return batchMessage(
    message.data,
    new ReceivedContext(delivery.record, message.envelope, 1, limit),
  );
}

/** A message as handlers of batches get it. */
export function batchMessage(data: unknown, context: BatchMessage['context']): BatchMessage {
  const { correlationId, id: messageId } = context;
  return { data, context, within: (fn) => runWithContext({ correlationId, messageId }, fn) };
}

/**
 * The failures that a handler has named.
 *
 * @throws TypeError when it has named something else
 */
export function failuresOf(consumer: string, result: unknown): readonly BatchFailure[] {
  if (result === undefined || result === null) return [];
  const valid =
    Array.isArray(result) &&
    result.every((each) => typeof (each as Partial<BatchFailure> | null)?.message === 'object');
  if (valid) return result as BatchFailure[];
  throw new TypeError(`${consumer} must return nothing, or a list of { message, error }`);
}

function failedOf(
  consumer: string,
  result: unknown,
  items: readonly BatchItem[],
  messages: readonly BatchMessage[],
): Map<BatchItem, unknown> {
  const failed = new Map<BatchItem, unknown>();
  for (const { message, error } of failuresOf(consumer, result)) {
    const item = items[messages.indexOf(message)];
    if (item === undefined) {
      throw new TypeError(`${consumer} has named a message that was not in its batch`);
    }
    failed.set(item, error ?? new Error(`${consumer} has named no error`));
  }
  return failed;
}

function followersOf(
  failed: ReadonlyMap<BatchItem, unknown>,
  items: readonly BatchItem[],
): Set<BatchItem> {
  const lanes = new Set<string>();
  const followers = new Set<BatchItem>();
  for (const item of items) {
    const lane = laneOf(item.delivery.record);
    if (failed.has(item)) lanes.add(lane);
    else if (lanes.has(lane)) followers.add(item);
  }
  return followers;
}
