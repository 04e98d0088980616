import {
  KafkaRequestError,
  type KafkaAdmin,
  type KafkaLog,
  type OutgoingRecord,
} from '@rookery/kafka';
import type { Tracing } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import { failureKind } from '../consumer/retry-decision.js';
import { SKIPPED } from '../consumer/skipped.js';
import { HEADER } from '../envelope/header-names.js';
import type { MessageContext } from '../handler/message-context.js';
import { UnprocessableMessageError } from '../messaging.errors.js';
import type { Outbox } from '../outbox/outbox.js';
import { answerOf, refusalOf, type NestRequest } from './nest-request.js';

/** What a {@link RequestDesk} needs. */
export interface RequestDeskParts {
  readonly host: TransactionHost;
  readonly outbox: Pick<Outbox, 'add'>;
  readonly admin: Pick<KafkaAdmin, 'lag'>;
  readonly tracing: Pick<Tracing, 'inject'>;
  readonly log: KafkaLog;
}

/** How a request is handled. */
export interface RequestPolicy {
  readonly consumer: string;
  readonly group: string;
  /** Tries in all, the first included. */
  readonly attempts: number;
}

const MAX_KNOWN_TOPICS = 1_000;

/**
 * Answers requests in the transaction of their effects. What cannot get better, or has failed often
 * enough, is answered too: its effects are rolled back, the request is not.
 */
export class RequestDesk {
  /** Partitions of reply topics. */
  readonly #partitions = new Map<string, number>();

  constructor(private readonly parts: RequestDeskParts) {}

  /** @throws whatever `handle` throws and is worth another try */
  async answer(
    request: NestRequest,
    policy: RequestPolicy,
    context: MessageContext,
    handle: () => Promise<unknown>,
  ): Promise<void> {
    const { host, log } = this.parts;
    await this.#checkDestination(request, policy.group);
    let result: unknown;
    try {
      // A savepoint, so that the answer can be sent by the transaction whose handler has failed.
      result = host.active ? await host.run(handle, { propagation: 'nested' }) : await handle();
    } catch (error) {
      const kind = isRefusal(error) ? 'permanent' : failureKind(error);
      const again = kind === 'transient' && context.attempt < policy.attempts;
      if (again || kind === 'outage' || context.signal.aborted) throw error;
      if (kind === 'transient') {
        log(
          'error',
          `${policy.consumer} answers ${context.id} with an error: its tries are used up`,
          {
            err: error,
          },
        );
      }
      await this.#send(refusalOf(request, error), context);
      return;
    }
    await this.#send(answerOf(request, result === SKIPPED ? undefined : result), context);
  }

  async #send(record: OutgoingRecord, { correlationId, id }: MessageContext): Promise<void> {
    const headers: Record<string, string> = {
      [HEADER.correlationId]: correlationId,
      [HEADER.causationId]: id,
    };
    this.parts.tracing.inject(headers);
    await this.parts.outbox.add({ ...record, headers: { ...headers, ...record.headers } });
  }

  /**
   * An answer that no broker takes would hold up all others in the outbox, and a topic that does
   * not exist would be made, so the place is looked at first.
   */
  async #checkDestination({ topic, partition = 0 }: NestRequest, group: string): Promise<void> {
    if (partition < (this.#partitions.get(topic) ?? 0)) return;
    let count = 0;
    try {
      count = (await this.parts.admin.lag(group, [topic])).length;
    } catch (error) {
      if (!(error instanceof KafkaRequestError)) throw error;
    }
    if (this.#partitions.size >= MAX_KNOWN_TOPICS) this.#partitions.clear();
    if (count > 0) this.#partitions.set(topic, count);
    if (partition >= count) {
      throw new UnprocessableMessageError(`there is no ${topic}/${partition} to answer to`);
    }
  }
}

/** Nest's `RpcException` is an answer, unless it asks for another try itself. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  const { getError } = error as Error & { getError?: unknown };
  return typeof getError === 'function' && error.constructor.name !== 'KafkaRetriableException';
}
