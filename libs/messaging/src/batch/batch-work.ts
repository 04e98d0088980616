import { backoffDelay, type Clock, type Random } from '@rookery/core';
import type { KafkaLog } from '@rookery/kafka';
import type { ConsumerHandler } from '../consumer/consumer-handler.js';
import { OUTAGE_BACKOFF } from '../consumer/dead-letter-office.js';
import { laneOf, type Delivery } from '../consumer/delivery.js';
import type { Ended } from '../consumer/handler-run.js';
import type { MessageProcessor, Progress } from '../consumer/message-processor.js';
import type { PartitionSession } from '../consumer/partition-session.js';
import { failureKind } from '../consumer/retry-decision.js';
import type { Slots } from '../consumer/slots.js';
import { UnreadableRecordError } from '../messaging.errors.js';
import type { BatchSize, HandleBatch } from './batch-message.js';
import { BatchQueue, type Again } from './batch-queue.js';
import type { BatchEnd, BatchItem, BatchRun } from './batch-run.js';

/** What {@link BatchWork} needs of the service. */
export interface BatchWorkParts {
  readonly run: Pick<BatchRun, 'run'>;
  readonly processor: Pick<MessageProcessor, 'process' | 'fail' | 'mayBeHeld'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly onOutcome: (consumer: string, outcome: Ended, seconds: number) => void;
}

/** A handler of batches. */
export interface BatchHandler extends ConsumerHandler {
  readonly batch: BatchSize & { readonly handle: HandleBatch };
}

interface Waiting {
  readonly delivery: Delivery;
  readonly finish: () => void;
}

/**
 * The batches of one partition for one handler. A message that fails leaves the batch for a lane of
 * its key, where it is tried again by itself as its policy says; those after it of the key wait
 * there behind it, and come in batches again when the lane is empty.
 */
export class BatchWork {
  readonly #queue: BatchQueue<Waiting>;
  #outages = 0;

  constructor(
    private readonly handler: BatchHandler,
    private readonly slots: Slots,
    private readonly session: PartitionSession,
    private readonly parts: BatchWorkParts,
    /** Called after each try: health wants to know whether anything goes on. */
    private readonly onProgress: () => void,
  ) {
    this.#queue = new BatchQueue({
      size: handler.batch,
      slots,
      clock: parts.clock,
      run: (items) => this.#run(items).finally(onProgress),
    });
  }

  /** Takes a record; `finish` is called when it is over, whatever became of it. */
  add(delivery: Delivery, finish: () => void): void {
    this.#queue.add({ delivery, finish });
  }

  /** Begins no batch any more; resolves when that which runs has returned. */
  stop(): Promise<void> {
    return this.#queue.stop();
  }

  async #run(all: readonly Waiting[]): Promise<Again<Waiting> | undefined> {
    const { handler, session } = this;
    const { clock, onOutcome } = this.parts;
    const start = clock.monotonic();
    const batch = new Map<BatchItem, Waiting>();
    for (const [i, waiting] of all.entries()) {
      const message = waiting.delivery.read();
      try {
        if (message instanceof UnreadableRecordError || (await this.#singly(waiting))) {
          this.#alone(waiting);
        } else batch.set({ delivery: waiting.delivery, message }, waiting);
      } catch (error) {
        return this.#later([...batch.values(), ...all.slice(i)], error);
      }
    }
    if (batch.size === 0) return undefined;
    let end: BatchEnd;
    try {
      const { run } = this.parts;
      end = await run.run(handler, handler.batch.handle, [...batch.keys()], session.fence);
      this.#outages = 0;
    } catch (error) {
      if (session.fence.aborted) return undefined;
      if (failureKind(error) === 'outage') return this.#later([...batch.values()], error);
      const failed = new Map([...batch.keys()].map((item) => [item, error]));
      end = { duplicates: new Set(), skipped: false, failed, behind: new Set() };
    }
    if (session.fence.aborted) return undefined;
    const seconds = (clock.monotonic() - start) / 1_000 / batch.size;
    for (const [item, waiting] of batch) {
      if (end.failed.has(item)) this.#alone(waiting, { error: end.failed.get(item) });
      else if (end.behind.has(item)) this.#alone(waiting);
      else {
        const how = end.duplicates.has(item) ? 'duplicate' : end.skipped ? 'skipped' : 'handled';
        onOutcome(handler.consumer, how, seconds);
        waiting.finish();
      }
    }
    return undefined;
  }

  /** Whether something of its key has yet to end, here or among the parked messages. */
  async #singly({ delivery }: Waiting): Promise<boolean> {
    const { handler, session } = this;
    if (session.busy(this.#laneOf(delivery))) return true;
    return this.parts.processor.mayBeHeld(handler, delivery.record, session.fence);
  }

  /** Hands a message over to the lane of its key; the error is that of its first try. */
  #alone({ delivery, finish }: Waiting, first?: { readonly error: unknown }): void {
    const { handler, session } = this;
    const { fence } = session;
    const { processor } = this.parts;
    const progress: Progress = { attempts: 0, outages: 0 };
    let failure = first;
    const run = async (): Promise<number | undefined> => {
      const before = failure;
      failure = undefined;
      const again =
        before === undefined
          ? await processor.process(handler, delivery, progress, fence)
          : await processor.fail(handler, delivery, progress, fence, before.error);
      this.onProgress();
      if (again === undefined && !fence.aborted) finish();
      return again;
    };
    session.push(this.#laneOf(delivery), [{ slots: this.slots, run }]);
  }

  #laneOf({ record }: Delivery): string {
    const { consumer, ordered } = this.handler;
    return `${consumer}#${ordered ? laneOf(record) : `#${record.offset}`}`;
  }

  #later(items: readonly Waiting[], error: unknown): Again<Waiting> {
    const { random, log } = this.parts;
    this.#outages += 1;
    if (this.#outages === 1) {
      const { consumer } = this.handler;
      log('warn', `a batch of ${items.length} messages in ${consumer} waits for the database`, {
        consumer,
        err: error,
      });
    }
    return { items, afterMs: backoffDelay(this.#outages, OUTAGE_BACKOFF, random) };
  }
}
