import type { KafkaAdmin, PartitionLag } from '@rookery/kafka';
import type { FailedMessages } from './parking/failed-messages.js';
import type { Counter, Gauge, Metrics } from '@rookery/observability';
import type { Outcome, ProcessorListener } from './consumer/message-processor.js';
import type { DelayedMessages } from './delay/delayed-messages.js';
import type { Outbox } from './outbox/outbox.js';

/** The metrics of messaging, all of them from the start, so that dashboards know them at zero. */
export class MessagingMetrics implements ProcessorListener {
  readonly #consumed: Counter;
  readonly #seconds: { observe(labels: { consumer: string }, value: number): void };
  readonly #duplicates: Counter;
  readonly #retries: Counter;
  readonly #deadLetters: Counter;
  readonly #published: Counter;
  readonly #skipped: Counter;
  readonly #relayFailures: Counter;
  readonly #lag: Gauge;

  constructor(private readonly metrics: Metrics) {
    this.#consumed = metrics.counter({
      name: 'rookery_messages_consumed_total',
      help: 'Tries to handle a message, by what became of them',
      labels: ['consumer', 'outcome'],
    });
    this.#seconds = metrics.histogram({
      name: 'rookery_message_handling_seconds',
      help: 'Duration of one try to handle a message, with its transaction',
      labels: ['consumer'],
    });
    this.#duplicates = metrics.counter({
      name: 'rookery_inbox_duplicates_total',
      help: 'Messages that had been handled before',
      labels: ['consumer'],
    });
    this.#retries = metrics.counter({
      name: 'rookery_message_retries_total',
      help: 'Tries that failed and are followed by another',
      labels: ['consumer'],
    });
    this.#deadLetters = metrics.counter({
      name: 'rookery_dead_letters_total',
      help: 'Records written to a dead letter topic',
      labels: ['topic', 'reason'],
    });
    this.#skipped = metrics.counter({
      name: 'rookery_messages_skipped_total',
      help: 'Records that no handler of the service takes',
      labels: ['topic', 'reason'],
    });
    this.#published = metrics.counter({
      name: 'rookery_messages_published_total',
      help: 'Messages that the outbox has sent',
      labels: ['topic'],
    });
    this.#relayFailures = metrics.counter({
      name: 'rookery_outbox_failures_total',
      help: 'Passes of the outbox that could not send',
    });
    this.#lag = metrics.gauge({
      name: 'rookery_consumer_lag',
      help: 'Records that a consumer group has not committed yet',
      labels: ['group', 'topic'],
    });
  }

  readonly onSent = (topic: string, count: number): void => this.#published.inc({ topic }, count);

  readonly onFailure = (): void => this.#relayFailures.inc();

  onOutcome(consumer: string, outcome: Outcome, seconds: number): void {
    this.#consumed.inc({ consumer, outcome });
    this.#seconds.observe({ consumer }, seconds);
    if (outcome === 'retried') this.#retries.inc({ consumer });
    if (outcome === 'duplicate') this.#duplicates.inc({ consumer });
  }

  onSkipped(topic: string, reason: string): void {
    this.#skipped.inc({ topic, reason });
  }

  onDeadLetter(topic: string, reason: string): void {
    this.#deadLetters.inc({ topic, reason });
  }

  /** Reads the outbox at each scrape. */
  watchOutbox(outbox: Pick<Outbox, 'backlog'>): void {
    const oldest = this.metrics.gauge({
      name: 'rookery_outbox_oldest_seconds',
      help: 'Age of the oldest message that was not sent yet',
    });
    this.metrics.gauge({
      name: 'rookery_outbox_pending',
      help: 'Messages that were not sent yet, counted up to 100,000',
      collect: async (pending) => {
        const backlog = await outbox.backlog().catch(() => undefined);
        if (backlog === undefined) return;
        pending.set(backlog.pending);
        oldest.set(backlog.oldestSeconds);
      },
    });
  }

  /** Reads the delayed messages at each scrape. */
  watchDelayed(delayed: Pick<DelayedMessages, 'backlog'>): void {
    const overdue = this.metrics.gauge({
      name: 'rookery_delayed_messages_overdue_seconds',
      help: 'How late the oldest delayed message is whose time has come',
    });
    this.metrics.gauge({
      name: 'rookery_delayed_messages_pending',
      help: 'Messages that wait for their time, counted up to 100,000',
      collect: async (pending) => {
        const backlog = await delayed.backlog().catch(() => undefined);
        if (backlog === undefined) return;
        pending.set(backlog.pending);
        overdue.set(backlog.overdueSeconds);
      },
    });
  }

  /** Reads how many messages are parked and dead at each scrape. */
  watchFailed(failures: Pick<FailedMessages, 'counts'>): void {
    const dead = this.metrics.gauge({
      name: 'rookery_messages_dead',
      help: 'Messages that were given up and neither replayed nor discarded',
      labels: ['consumer'],
    });
    const oldest = this.metrics.gauge({
      name: 'rookery_messages_parked_oldest_seconds',
      help: 'How long the oldest parked message waits since it failed last',
      labels: ['consumer'],
    });
    const seen = new Set<string>();
    this.metrics.gauge({
      name: 'rookery_messages_parked',
      help: 'Messages that wait with their key',
      labels: ['consumer'],
      collect: async (parked) => {
        const counts = await failures.counts().catch(() => undefined);
        if (counts === undefined) return;
        for (const consumer of seen) {
          for (const gauge of [parked, dead, oldest]) gauge.set({ consumer }, 0);
        }
        for (const { consumer, status, count, oldestSeconds } of counts) {
          seen.add(consumer);
          (status === 'parked' ? parked : dead).set({ consumer }, count);
          if (status === 'parked') oldest.set({ consumer }, oldestSeconds);
        }
      },
    });
  }

  /** Asks for handlers' in-memory load at each scrape. */
  watchInFlight(inFlight: () => Iterable<readonly [group: string, count: number]>): void {
    this.metrics.gauge({
      name: 'rookery_messages_in_flight',
      help: 'Records that were read and are not finished',
      labels: ['group'],
      collect: (gauge) => {
        for (const [group, count] of inFlight()) gauge.set({ group }, count);
      },
    });
  }

  /** Measures how far a group is behind. */
  async measureLag(
    admin: KafkaAdmin,
    group: string,
    topics: readonly string[],
  ): Promise<readonly PartitionLag[]> {
    const measured = await admin.lag(group, topics);
    const lags = new Map<string, number>();
    for (const { topic, lag } of measured) lags.set(topic, (lags.get(topic) ?? 0) + lag);
    for (const [topic, lag] of lags) this.#lag.set({ group, topic }, lag);
    return measured;
  }
}
