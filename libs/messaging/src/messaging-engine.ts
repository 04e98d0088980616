import { systemClock, type Clock, type Random } from '@rookery/core';
import type {
  KafkaAdmin,
  KafkaDriver,
  KafkaLog,
  KafkaProducer,
  PartitionLag,
} from '@rookery/kafka';
import type { Tracing } from '@rookery/observability';
import type { TransactionHost } from '@rookery/persistence';
import { BatchRun } from './batch/batch-run.js';
import { ConsumerRuntime } from './consumer/consumer-runtime.js';
import { MessageProcessor, type ProcessorListener } from './consumer/message-processor.js';
import { DelayTimer } from './delay/delay-timer.js';
import { DelayedMessages } from './delay/delayed-messages.js';
import { HandlerRun } from './consumer/handler-run.js';
import { FailedMessages } from './parking/failed-messages.js';
import { FailureRows } from './parking/failure-rows.js';
import { MessageActions } from './operations/message-actions.js';
import { Replayer } from './replay/replayer.js';
import { Inbox } from './inbox/inbox.js';
import type { ResolvedRetryPolicy } from './handler/handler.options.js';
import { Housekeeping } from './inbox/housekeeping.js';
import { KeyVersions } from './inbox/key-versions.js';
import { MessageOperations } from './operations/message-operations.js';
import { ReplayJobs } from './replay/replay-jobs.js';
import { ReplayRunner } from './replay/replay-runner.js';
import type { MessagingOptions } from './messaging.options.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { Outbox } from './outbox/outbox.js';
import { MessageWriter } from './publish/message-writer.js';
import { Vitals } from './health/vitals.js';

/** Hears what messaging does. */
export interface MessagingListener extends ProcessorListener {
  onSent(topic: string, count: number): void;
  onFailure(): void;
  onSkipped(topic: string, reason: 'unknown-type' | 'tombstone'): void;
  /** Resolves with what it has measured, or with nothing: then lag says nothing about health. */
  measureLag(
    admin: KafkaAdmin,
    group: string,
    topics: readonly string[],
  ): Promise<readonly PartitionLag[] | void>;
}

/** What a {@link MessagingEngine} needs. */
export interface MessagingEngineParts {
  readonly host: TransactionHost;
  readonly driver: KafkaDriver;
  readonly tracing: Pick<Tracing, 'run' | 'inject' | 'extract'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: KafkaLog;
  readonly listener: MessagingListener;
}

/** All parts of messaging of one service, put together; knows nothing of Nest. */
export class MessagingEngine {
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly admin: KafkaAdmin;
  /** Of handlers that say nothing. */
  readonly retry: ResolvedRetryPolicy;
  readonly delayed: DelayedMessages;
  readonly publisher: MessageWriter;
  readonly relay: OutboxRelay;
  readonly runtime: ConsumerRuntime;
  readonly failures: FailedMessages;
  readonly replayer: Replayer;
  readonly #producer: KafkaProducer;
  readonly #delays: DelayTimer;
  readonly operations: MessageOperations;
  readonly #housekeeping: Housekeeping;
  readonly #replays: ReplayRunner;
  readonly vitals: Vitals;

  constructor(
    options: MessagingOptions & { readonly service: string },
    parts: MessagingEngineParts,
  ) {
    const { host, driver, listener } = parts;
    const { service } = options;
    this.#producer = driver.producer();
    this.admin = driver.admin();
    this.retry = options.retry;
    this.inbox = new Inbox(host);
    this.outbox = new Outbox(host, () => this.relay.ring());
    this.relay = new OutboxRelay(
      {
        ...parts,
        outbox: this.outbox,
        producer: this.#producer,
        admin: this.admin,
        onSent: (topic, count) => listener.onSent(topic, count),
        onFailure: () => listener.onFailure(),
      },
      {
        batchSize: options.outbox.batchSize,
        busyPollMs: options.outbox.busyPoll,
        idlePollMs: options.outbox.idlePoll,
        topic: options.topics,
      },
    );
    const { clock } = parts;
    this.delayed = new DelayedMessages(host, {
      outbox: this.outbox,
      maxMs: options.delayed.max,
      onAdded: (inMs) => this.#delays.wakeIn(inMs),
      // The database's time, unless somebody else tells the time: a test that moves it.
      now: clock === systemClock ? undefined : () => clock.now(),
    });
    this.#delays = new DelayTimer(
      this.delayed,
      { pollMs: options.delayed.poll, batchSize: options.delayed.batchSize },
      parts,
    );
    this.publisher = new MessageWriter({
      ...parts,
      service,
      outbox: this.outbox,
      delayed: this.delayed,
      maxMessageSize: options.maxMessageSize,
    });
    this.failures = new FailedMessages(host, () => this.#replays.wake());
    const processor = new MessageProcessor({
      ...parts,
      service,
      failures: this.failures,
      inbox: this.inbox,
      outbox: this.outbox,
      writer: this.publisher,
    });
    this.runtime = new ConsumerRuntime(
      {
        service,
        concurrency: options.concurrency,
        retry: options.retry,
        handlerTimeoutMs: options.handlerTimeout,
        topic: options.topics,
        maxInFlight: options.maxInFlight,
        maxInFlightBytes: options.maxInFlightBytes,
        commitIntervalMs: options.commitInterval,
        drainMs: options.drainTimeout,
        unknownType: options.unknownType,
      },
      {
        ...parts,
        admin: this.admin,
        processor,
        batches: {
          ...parts,
          processor,
          run: new BatchRun({ ...parts, service, inbox: this.inbox }),
          onOutcome: (consumer, outcome, seconds) => listener.onOutcome(consumer, outcome, seconds),
        },
        onSkipped: (topic, reason) => listener.onSkipped(topic, reason),
      },
    );
    const failed = {
      ...parts,
      failures: this.failures,
      rows: new FailureRows(host),
      actions: new MessageActions(host),
      handlers: this.runtime,
      names: () => this.runtime.names,
      retrying: () => this.runtime.retrying,
      jobs: new ReplayJobs(host, service),
    };
    this.replayer = new Replayer({
      ...failed,
      run: new HandlerRun({ ...parts, service, inbox: this.inbox, writer: this.publisher }),
      onOutcome: (consumer, outcome, seconds) => listener.onOutcome(consumer, outcome, seconds),
    });
    this.#replays = new ReplayRunner({ ...failed, replayer: this.replayer });
    this.operations = new MessageOperations({
      ...failed,
      replayer: this.replayer,
      onJob: this.#replays.wake,
    });
    const { retention } = options.failures;
    this.#housekeeping = new Housekeeping(
      [
        { what: 'inbox', keeper: this.inbox, ageMs: options.inbox.retention },
        {
          what: 'table of versions',
          keeper: new KeyVersions(host),
          ageMs: options.inbox.retention,
        },
        { what: 'table of failed messages', keeper: this.failures, ageMs: retention },
        { what: 'table of replays', keeper: failed.jobs, ageMs: retention },
      ],
      parts,
    );
    this.vitals = new Vitals(
      { wedgedAfterMs: options.health.wedgedAfter, alarmAfterMs: options.outbox.alarmAfter },
      {
        ...parts,
        groups: () => this.runtime.groups,
        measure: (group, topics) => listener.measureLag(this.admin, group, topics),
        backlog: () => this.outbox.backlog(),
      },
    );
  }

  /** Records in memory, by group. */
  *inFlight(): Generator<readonly [group: string, count: number]> {
    for (const group of this.runtime.groups) yield [group.group, group.inFlight];
  }

  startRelay(): void {
    this.relay.start();
    this.#delays.start();
    this.#housekeeping.start();
  }

  async startConsumers(signal: AbortSignal): Promise<void> {
    await this.runtime.start(signal);
    this.#replays.start();
    this.vitals.start();
  }

  async stopConsumers(): Promise<void> {
    await Promise.all([this.runtime.stop(), this.#replays.stop(), this.vitals.stop()]);
  }

  /** Sends what is left, then closes the producer. */
  async stopRelay(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#delays.stop(), this.#housekeeping.stop()]);
    await this.relay.stop(signal);
    await Promise.all([this.#producer.close(), this.admin.close()]);
  }
}
