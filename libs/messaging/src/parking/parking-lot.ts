import type { IncomingRecord } from '@rookery/kafka';
import type { TransactionHost } from '@rookery/persistence';
import type { ConsumerHandler } from '../consumer/consumer-handler.js';
import { placeOf } from '../consumer/arrival.js';
import type { Inbox } from '../inbox/inbox.js';
import type { FailedMessages } from './failed-messages.js';
import { ParkedKeys } from './parked-keys.js';

/** Pause while somebody replays the key. */
export const KEY_IN_USE_MS = 50;

/** What a {@link ParkingLot} needs. */
export interface ParkingLotParts {
  readonly host: TransactionHost;
  readonly inbox: Inbox;
  readonly failures: FailedMessages;
}

/** A message that arrives. */
export interface Incoming {
  readonly record: IncomingRecord;
  /** Under which the consumer remembers it. */
  readonly id: string;
  readonly type: string | undefined;
}

/**
 * Keeps messages behind the one of their key that was parked. While no key of a topic waits, nothing
 * is asked of the database; for a key that may wait, it is asked under a lock which replays take too.
 */
export class ParkingLot {
  /** By assignment of a partition: what was read then holds as long as nobody else owns it. */
  readonly #known = new WeakMap<AbortSignal, Map<string, Promise<ParkedKeys>>>();

  constructor(private readonly parts: ParkingLotParts) {}

  /**
   * Stores a message behind others of its key, if there are. `free` when there are none; a number is
   * the pause after which to ask again, because the key is being replayed.
   *
   * @param assignment aborts when the partition goes to another instance
   */
  async hold(
    handler: ConsumerHandler,
    { record, id, type }: Incoming,
    assignment: AbortSignal,
  ): Promise<'free' | 'stored' | number> {
    const { consumer, group } = handler;
    const { key, topic } = record;
    if (handler.onFailure !== 'park' || key === null) return 'free';
    const keys = await this.#keysOf(consumer, topic, assignment);
    if (!keys.mayHave(key)) return 'free';
    const { host, failures, inbox } = this.parts;
    const of = { consumer, topic, key };
    return host.run(
      async () => {
        if (!(await failures.tryLock(of))) return KEY_IN_USE_MS;
        if (!(await failures.isParked(of))) {
          keys.delete(key);
          return 'free';
        }
        if (await inbox.giveUp(consumer, id, placeOf(record))) {
          await failures.add(record, {
            status: 'parked',
            consumer,
            group,
            messageId: id,
            type,
            reason: 'behind-parked',
            error: undefined,
            attempts: 0,
            retryInMs: undefined,
          });
        }
        return 'stored';
      },
      { propagation: 'requires-new' },
    );
  }

  /** Whether the key may wait. */
  async mayHold(
    { consumer, onFailure }: ConsumerHandler,
    { key, topic }: IncomingRecord,
    assignment: AbortSignal,
  ): Promise<boolean> {
    if (onFailure !== 'park' || key === null) return false;
    return (await this.#keysOf(consumer, topic, assignment)).mayHave(key);
  }

  /** Says that a key may wait from now on. */
  async suspect(
    { consumer }: Pick<ConsumerHandler, 'consumer'>,
    { key, topic }: IncomingRecord,
    assignment: AbortSignal,
  ): Promise<void> {
    if (key === null) return;
    // What is loaded later finds it in the table.
    const loaded = this.#known.get(assignment)?.get(nameOf(consumer, topic));
    (await loaded?.catch(() => undefined))?.add(key);
  }

  #keysOf(consumer: string, topic: string, assignment: AbortSignal): Promise<ParkedKeys> {
    let known = this.#known.get(assignment);
    if (known === undefined) this.#known.set(assignment, (known = new Map()));
    const name = nameOf(consumer, topic);
    const loaded = known.get(name);
    if (loaded !== undefined) return loaded;
    const loading = ParkedKeys.load((limit) =>
      this.parts.failures.parkedKeys(consumer, topic, limit),
    );
    known.set(name, loading);
    loading.catch(() => known.delete(name));
    return loading;
  }
}

function nameOf(consumer: string, topic: string): string {
  return `${consumer} ${topic}`;
}
