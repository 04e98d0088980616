import type { RecordHeaders } from '@rookery/kafka';
import { REDACTED } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import { z } from 'zod';
import { RouteTable } from '../consumer/route-table.js';
import { Slots } from '../consumer/slots.js';
import { HEADER } from '../envelope/header-names.js';
import {
  InvalidEditError,
  MessageChangedError,
  MessageInUseError,
  MessageNotFoundError,
  UnreadableRecordError,
} from '../messaging.errors.js';
import type { FailedMessages, FailureCount } from '../parking/failed-messages.js';
import { recordOf, type FailureRow, type FailureRows } from '../parking/failure-rows.js';
import { mergePatch } from './merge-patch.js';
import type { MessageActions } from './message-actions.js';
import {
  detailsOf,
  jsonOf,
  summaryOf,
  type FailedMessage,
  type FailedMessageDetails,
} from './message-view.js';
import {
  discardSchema,
  editSchema,
  idSchema,
  jobSchema,
  parsed,
  querySchema,
  replaySchema,
  type DiscardRequest,
  type EditRequest,
  type MessageQuery,
  type ReplayJobRequest,
  type ReplayRequest,
} from './message-requests.js';
import type { ReplayJob, ReplayJobs } from '../replay/replay-jobs.js';
import type { Handlers, KeyReplay, Replayer, ReplayResult } from '../replay/replayer.js';

/** A page of failed messages, newest first. */
export interface MessagePage {
  readonly messages: readonly FailedMessage[];
  /** Give it as `before` for the next page. */
  readonly next?: string;
}

/** What {@link MessageOperations} needs. */
export interface MessageOperationsParts {
  readonly host: TransactionHost;
  readonly failures: FailedMessages;
  readonly rows: FailureRows;
  readonly actions: MessageActions;
  readonly jobs: ReplayJobs;
  readonly replayer: Replayer;
  readonly handlers: Handlers;
  /** Under which names messages may have failed here. */
  readonly names: () => readonly string[];
  readonly onJob: () => void;
}

/**
 * What operators may do with messages that were parked or dead-lettered. Whoever changes something
 * says who they are and why, which is kept with the message.
 */
export class MessageOperations {
  constructor(private readonly parts: MessageOperationsParts) {}

  /** @throws InvalidMessageRequestError when asked for what cannot be */
  async list(query: MessageQuery = {}): Promise<MessagePage> {
    const { before, limit, ...filter } = parsed(querySchema, query);
    const rows = await this.parts.rows.search(filter, limit + 1, before);
    const messages = rows.slice(0, limit).map(summaryOf);
    const last = messages.at(-1);
    return rows.length > limit && last !== undefined ? { messages, next: last.id } : { messages };
  }

  /** How many are open, by consumer and status. */
  counts(): Promise<FailureCount[]> {
    return this.parts.failures.counts();
  }

  /** One message with its content, without secrets. @throws MessageNotFoundError */
  async show(messageId: string): Promise<FailedMessageDetails> {
    const row = await this.#find(messageId);
    return detailsOf(row, await this.parts.actions.of(row.id));
  }

  /**
   * Puts other content in place of a message's, which is kept beside it.
   *
   * @throws InvalidEditError when the message still does not fit its contract
   * @throws MessageChangedError when somebody was faster
   */
  async edit(
    messageId: string,
    request: EditRequest,
    actor: string,
  ): Promise<FailedMessageDetails> {
    const wanted = parsed(editSchema, request);
    const row = await this.#find(messageId);
    const value = edited(row, wanted);
    const headers = editedHeaders(row, wanted.headers ?? {});
    this.#check({ ...row, editedValue: value ?? undefined, editedHeaders: headers });
    await this.#change(row, wanted.revision, async () => {
      await this.parts.rows.edit(row.id, value, headers);
      const what = { action: 'edit', actor, reason: wanted.reason, outcome: undefined } as const;
      await this.parts.actions.note(row.id, what);
    });
    return this.show(row.id);
  }

  /** Has one message handled again. @throws as {@link Replayer.replay} */
  async replay(
    messageId: string,
    request: ReplayRequest,
    actor: string,
    signal: AbortSignal,
  ): Promise<ReplayResult> {
    const { reason: why, revision: seen } = parsed(replaySchema, request);
    return this.parts.replayer.replay(parsed(idSchema, messageId), {
      actor,
      reason: why,
      revision: seen,
      signal,
    });
  }

  /** Has all that waits of a message's key handled, in order. @throws as {@link Replayer.replay} */
  async replayKey(
    messageId: string,
    request: ReplayRequest,
    actor: string,
    signal: AbortSignal,
  ): Promise<KeyReplay> {
    const { reason: why } = parsed(replaySchema, request);
    return this.parts.replayer.replayKey(parsed(idSchema, messageId), {
      actor,
      reason: why,
      signal,
    });
  }

  /**
   * Gives a message up for good. What waits behind it comes next.
   *
   * @throws MessageChangedError when somebody was faster
   */
  async discard(messageId: string, request: DiscardRequest, actor: string): Promise<FailedMessage> {
    const wanted = parsed(discardSchema, request);
    const row = await this.#find(messageId);
    const { failures, actions, handlers } = this.parts;
    await this.#change(row, wanted.revision, async () => {
      await failures.end(row.id, 'discarded');
      const what = { action: 'discard', actor, reason: wanted.reason, outcome: undefined } as const;
      await actions.note(row.id, what);
      const retries = handlers.handlerOf(row.consumer)?.park !== undefined;
      if (retries && row.status === 'parked' && row.key !== null) {
        await failures.rouse({ consumer: row.consumer, topic: row.topic, key: row.key });
      }
    });
    return summaryOf(await this.#find(row.id));
  }

  /** Begins to have all messages of a filter handled again, oldest first, at a limited rate. */
  async startReplay(request: ReplayJobRequest, actor: string): Promise<ReplayJob> {
    const { filter, perSecond, reason: why } = parsed(jobSchema, request);
    const { rows, jobs, names, onJob } = this.parts;
    const extent = await rows.extent(filter, names());
    const job = await jobs.create(filter, perSecond, extent, { actor, reason: why });
    onJob();
    return job;
  }

  /** The newest replays of many messages. */
  replays(): Promise<ReplayJob[]> {
    return this.parts.jobs.list(50);
  }

  /** How far a replay is. @throws MessageNotFoundError */
  async findReplay(jobId: string): Promise<ReplayJob> {
    const known = z.uuid().safeParse(jobId).success;
    const job = known ? await this.parts.jobs.find(jobId) : undefined;
    if (job === undefined) throw new MessageNotFoundError(`replay ${jobId}`);
    return job;
  }

  /** Ends a replay after the message that is being handled; one that has ended stays as it is. */
  async cancelReplay(jobId: string): Promise<ReplayJob> {
    const { id: known } = await this.findReplay(jobId);
    await this.parts.jobs.cancel(known);
    return this.findReplay(known);
  }

  async #find(messageId: string): Promise<FailureRow> {
    const row = await this.parts.rows.find(parsed(idSchema, messageId));
    if (row === undefined) throw new MessageNotFoundError(messageId);
    return row;
  }

  /** Whether its handlers could read it. */
  #check(row: FailureRow): void {
    const { handlers } = this.parts;
    const own = handlers.handlerOf(row.consumer);
    const table = new RouteTable(
      own === undefined ? handlers.handlersIn(row.group) : [own],
      new Slots(1),
      'dead-letter',
    );
    const destination = table.destinationOf(recordOf(row));
    if (!('routed' in destination)) {
      throw new InvalidEditError(`${row.consumer} takes no message of that type from ${row.topic}`);
    }
    for (const { delivery } of destination.routed) {
      const message = delivery.read();
      if (message instanceof UnreadableRecordError) throw new InvalidEditError(message.message);
    }
  }

  /** Changes an open row of that revision, excluding whoever replays it. */
  #change(row: FailureRow, seen: number, change: () => Promise<void>): Promise<void> {
    const { host, rows, failures } = this.parts;
    const { consumer, topic, key } = row;
    return host.run(
      async () => {
        if (row.status === 'parked' && key !== null) {
          if (!(await failures.tryLock({ consumer, topic, key }))) {
            throw new MessageInUseError(row.id);
          }
        }
        if (!(await rows.lock(row.id, seen))) {
          throw new MessageChangedError(row.id, row.status, row.revision);
        }
        await change();
      },
      { propagation: 'requires-new' },
    );
  }
}

function edited(row: FailureRow, { payload, patch }: z.output<typeof editSchema>): Buffer | null {
  const current = row.editedValue ?? row.value;
  if (payload === undefined && patch === undefined) return current;
  const changed = payload ?? patch;
  if (JSON.stringify(changed).includes(JSON.stringify(REDACTED))) {
    throw new InvalidEditError(
      `the content holds ${REDACTED} where a secret is; change fields by a patch that leaves it out`,
    );
  }
  return Buffer.from(
    JSON.stringify(payload === undefined ? mergePatch(jsonOf(current), patch) : payload),
  );
}

/** The inbox knows a message by its id, so that must stay. */
function editedHeaders(
  row: FailureRow,
  changes: Readonly<Record<string, string | null>>,
): RecordHeaders {
  const headers = { ...(row.editedHeaders ?? row.headers) };
  if (HEADER.id in changes && headers[HEADER.id] !== undefined) {
    throw new InvalidEditError(`${HEADER.id} cannot be changed: the message is remembered by it`);
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value === REDACTED) continue;
    if (value === null) delete headers[name];
    else headers[name] = value;
  }
  return headers;
}
