import { AbortedError, type Clock, type Random } from '@rookery/core';
import type { DriverOptions } from '../driver/driver.options.js';
import type {
  ConsumerListener,
  ConsumerOptions,
  ConsumerState,
  ConsumerStatus,
  KafkaConsumer,
  KafkaLog,
  TopicPartition,
  TopicPartitionOffset,
} from '../driver/kafka-driver.js';
import { RestartPolicy } from '../driver/restart-policy.js';
import { Signal } from '../driver/signal.js';
import {
  CommitFencedError,
  KafkaClosedError,
  KafkaRequestError,
  KafkaUnavailableError,
  reasonOf,
} from '../kafka.errors.js';
import { GroupSession } from './group-session.js';
import { FENCES, isOutage, isRefusal } from './platformatic-errors.js';

/** What a {@link PlatformaticConsumer} needs of its driver. */
export interface PlatformaticConsumerParts {
  readonly settings: DriverOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly onClose: (consumer: PlatformaticConsumer) => void;
}

/**
 * A group member that survives crashes: each session that ends is followed by a new one after a
 * pause. Outages are waited for without end; other crashes count, and too many in a row are final.
 */
export class PlatformaticConsumer implements KafkaConsumer {
  #state: ConsumerState = 'new';
  #session: GroupSession | undefined;
  #trouble: string | undefined;
  readonly #restarts: RestartPolicy;
  readonly #joined = new Signal();
  readonly #closing = new AbortController();

  constructor(
    private readonly options: ConsumerOptions,
    private readonly parts: PlatformaticConsumerParts,
  ) {
    this.#restarts = new RestartPolicy(options.group, parts.settings.maxCrashes, parts);
  }

  get status(): ConsumerStatus {
    return {
      group: this.options.group,
      state: this.#state,
      crashes: this.#restarts.crashes,
      lastError: this.#trouble ?? this.#restarts.lastError,
    };
  }

  async start(listener: ConsumerListener, signal?: AbortSignal): Promise<void> {
    if (this.#state !== 'new') throw new KafkaClosedError(`consumer of ${this.options.group}`);
    this.#state = 'joining';
    const abort = (): void => this.#joined.fail(new AbortedError(`join of ${this.options.group}`));
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    else void this.#live(listener);
    await this.#joined.wait();
    signal?.removeEventListener('abort', abort);
    if (this.#joined.error !== undefined) throw this.#joined.error;
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#session?.reader.pause(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#session?.reader.resume(partitions);
  }

  seek(position: TopicPartitionOffset): void {
    this.#session?.reader.seek(position, position.offset);
  }

  async commit(positions: readonly TopicPartitionOffset[]): Promise<void> {
    const { group } = this.options;
    const session = this.#session;
    const owned = positions.every((at) =>
      session?.assigned.some(
        ({ topic, partition }) => topic === at.topic && partition === at.partition,
      ),
    );
    if (!owned || session === undefined) throw new CommitFencedError(group);
    try {
      await session.commit(positions);
    } catch (error) {
      if (isRefusal(error, FENCES)) throw new CommitFencedError(group, error);
      if (isOutage(error)) {
        throw new KafkaUnavailableError('commit', this.parts.settings.brokers, error);
      }
      throw new KafkaRequestError('commit', error);
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closing.abort();
    this.#joined.fail(new KafkaClosedError(`consumer of ${this.options.group}`));
    const session = this.#session;
    this.#session = undefined;
    await session?.close(true);
    this.parts.onClose(this);
  }

  async #live(listener: ConsumerListener): Promise<void> {
    const { settings, clock } = this.parts;
    for (;;) {
      const session = new GroupSession(this.options, {
        settings,
        clock,
        listener,
        onRunning: () => this.#ran(),
        onTrouble: (error) => this.#troubled(error),
      });
      this.#session = session;
      try {
        await session.run();
        return;
      } catch (error) {
        if (session !== this.#session) return;
        const { final, delayMs } = this.#restarts.stopped(
          error,
          isOutage(error) ? 'outage' : 'crash',
        );
        this.#session = undefined;
        this.#trouble = undefined;
        this.#state = final ? 'failed' : 'restarting';
        const revoked = session.assigned;
        await session.close(false);
        if (revoked.length > 0) await listener.onRevoked(revoked);
        if (final) {
          this.#joined.fail(new KafkaRequestError(`join of ${this.options.group}`, error));
          return;
        }
        try {
          await clock.sleep(delayMs, this.#closing.signal);
        } catch {
          return;
        }
      }
    }
  }

  #ran(): void {
    if (this.#state === 'closed') return;
    this.#state = 'running';
    this.#trouble = undefined;
    this.#restarts.running();
    this.#joined.set();
  }

  #troubled(error: unknown): void {
    if (this.#state !== 'running' && this.#state !== 'restarting') return;
    const { group } = this.options;
    if (error === undefined) {
      this.#state = 'running';
      this.#trouble = undefined;
    } else if (this.#trouble === undefined) {
      this.#state = 'restarting';
      this.#trouble = reasonOf(error);
      this.parts.log(
        'warn',
        `consumer of group ${group} reaches no broker (${this.#trouble}); is kafka running? ` +
          'trying again with each heartbeat',
      );
    }
  }
}
