import { systemClock, type Clock } from '@rookery/core';
import type { IncomingRecord, KafkaAdmin, KafkaConsumer, KafkaDriver } from '@rookery/kafka';
import { Tracing } from '@rookery/observability';
import { Delivery } from '../consumer/delivery.js';
import { ReceivedContext } from '../consumer/received-context.js';
import type {
  CommandContract,
  DataOf,
  EventContract,
  MessageContract,
} from '../contract/contract.js';
import { DEAD_LETTER_HEADER, deadLetterTopic } from '../envelope/header-names.js';
import type { MessageContext } from '../handler/message-context.js';
import type { MessagingEngine } from '../messaging-engine.js';
import { UnreadableRecordError } from '../messaging.errors.js';
import type { PublishOptions, SendOptions } from '../publish/message-publisher.js';
import { MessageWriter } from '../publish/message-writer.js';
import { uuidV7 } from '../publish/uuid-v7.js';

/** A message that a {@link MessageProbe} has seen on its topic. */
export interface SeenMessage<C extends MessageContract = MessageContract> {
  readonly contract: C;
  /** Of the newest version. */
  readonly data: DataOf<C>;
  readonly context: Omit<MessageContext, 'attempt' | 'signal'>;
  readonly record: IncomingRecord;
}

/** A dead letter that a {@link MessageProbe} has seen. */
export interface SeenDeadLetter {
  /** The topic that it could not be handled from. */
  readonly topic: string;
  readonly reason: string;
  readonly error: string;
  readonly consumer: string;
  readonly record: IncomingRecord;
}

/** Options of {@link MessageProbe.start}. */
export interface MessageProbeOptions {
  /** A driver of the broker that the services use. The probe does not close it. */
  readonly driver: KafkaDriver;
  /** What it looks at: the topics of events and commands, and their dead letters. */
  readonly contracts: readonly MessageContract[];
  /** Topics of replies, which contracts do not name. @default none */
  readonly topics?: readonly string[];
  /** Whose messages to wait for in {@link MessageProbe.idle}. @default none */
  readonly engines?: () => readonly MessagingEngine[];
  /** What its messages say they come from. @default 'probe' */
  readonly service?: string;
  /** How long its waits last at most, in milliseconds. @default 15,000 */
  readonly timeoutMs?: number;
  /** @default the system's clock */
  readonly clock?: Clock;
}

const POLL_MS = 5;
const NEVER = new AbortController().signal;

/**
 * For tests: stands beside the services at their broker, publishes as another service would, and
 * sees all that is published. Its waits end with an error that says what was seen instead.
 */
export class MessageProbe {
  readonly #seen: SeenMessage[] = [];
  readonly #dead: SeenDeadLetter[] = [];
  readonly #contracts: ReadonlyMap<string, MessageContract>;
  readonly #topics: readonly string[];
  readonly #writer: MessageWriter;
  readonly #consumer: KafkaConsumer;
  readonly #admin: KafkaAdmin;
  readonly #close: () => Promise<void>;

  private constructor(private readonly options: MessageProbeOptions) {
    const { driver, contracts, topics = [], service = 'probe', clock = systemClock } = options;
    this.#contracts = new Map(contracts.map((contract) => [contract.name, contract]));
    const named = contracts.flatMap((each) => (each.kind === 'reply' ? [] : [each.topic]));
    this.#topics = [...new Set([...named, ...topics])];
    const producer = driver.producer();
    this.#writer = new MessageWriter({
      service,
      clock,
      tracing: new Tracing({ app: service, instance: `${service}-1` }),
      maxMessageSize: 10_000_000,
      outbox: { add: (record) => producer.send([record]) },
      // A delay needs a database, which the probe has not: any is longer than allowed.
      delayed: { maxMs: 0, add: async () => undefined, cancel: async () => false },
    });
    this.#admin = driver.admin();
    this.#consumer = driver.consumer({
      group: `${service}-${uuidV7(clock.now())}`,
      topics: this.#topics.flatMap((topic) => [topic, deadLetterTopic(topic)]),
    });
    this.#close = async () => {
      await Promise.all([this.#consumer.close(), producer.close(), this.#admin.close()]);
    };
  }

  /** Creates what topics are missing and begins to look at them, from their beginning. */
  static async start(options: MessageProbeOptions): Promise<MessageProbe> {
    const probe = new MessageProbe(options);
    await probe.#admin.ensureTopics(
      probe.#topics.flatMap((topic) => [
        { topic },
        { topic: deadLetterTopic(topic), partitions: 1 },
      ]),
    );
    await probe.#consumer.start({
      onAssigned: () => {},
      onRevoked: async () => {},
      onRecords: ({ records }) => records.forEach((record) => probe.#see(record)),
    });
    return probe;
  }

  /** Publishes an event as another service would, without an outbox. */
  publish<C extends EventContract>(
    event: C,
    data: DataOf<C>,
    options?: PublishOptions,
  ): Promise<void> {
    return this.#writer.publish(event, data, options);
  }

  /** Sends a command as another service would, without an outbox. */
  send<C extends CommandContract>(
    command: C,
    data: DataOf<C>,
    options: SendOptions = {},
  ): Promise<void> {
    return this.#writer.send(command, data, options);
  }

  /**
   * Waits for a message of the contract that fits; one that was seen before counts as well.
   *
   * @throws Error after the timeout, with what was seen
   */
  async published<C extends MessageContract>(
    contract: C,
    fits: (data: DataOf<C>, message: SeenMessage<C>) => boolean = () => true,
  ): Promise<SeenMessage<C>> {
    return this.#until(
      () => this.all(contract).find((message) => fits(message.data, message)),
      () => `no ${contract.name} that fits was published; seen: ${this.#summary()}`,
    );
  }

  /**
   * Waits for a dead letter that fits; one that was seen before counts as well.
   *
   * @throws Error after the timeout, with what was seen
   */
  async deadLettered(
    fits: (letter: SeenDeadLetter) => boolean = () => true,
  ): Promise<SeenDeadLetter> {
    return this.#until(
      () => this.#dead.find(fits),
      () => `nothing that fits was dead-lettered; seen: ${this.#summary()}`,
    );
  }

  /** The messages of a contract that were seen since the start or {@link forget}. */
  all<C extends MessageContract>(contract: C): SeenMessage<C>[] {
    return this.#seen.filter(
      ({ contract: { name } }) => name === contract.name,
    ) as SeenMessage<C>[];
  }

  /** The dead letters that were seen since the start or {@link forget}. */
  get deadLetters(): readonly SeenDeadLetter[] {
    return this.#dead;
  }

  /**
   * Waits until nothing more happens by itself, and then makes sure that no message of the contract
   * was published since the start or {@link forget}.
   *
   * @throws Error with what was published
   */
  async nothingPublished<C extends MessageContract>(
    contract: C,
    fits: (data: DataOf<C>) => boolean = () => true,
  ): Promise<void> {
    await this.idle();
    const seen = this.all(contract).filter(({ data }) => fits(data));
    if (seen.length === 0) return;
    throw new Error(
      `${contract.name} was published ${seen.length} times: ${JSON.stringify(seen.map(({ data }) => data))}`,
    );
  }

  /**
   * Waits until the services have nothing to do: their outboxes are empty, all that was published
   * is handled and committed, and the probe has seen it. Delayed messages that are not due, and
   * timers of sagas, do not count.
   *
   * @throws Error after the timeout, with what is left to do
   */
  async idle(): Promise<void> {
    let left = '';
    await this.#until(
      async () => {
        // A message is in a topic before it leaves the outbox, and what it causes is in the outbox
        // before its offset is committed. So nothing can hide between two looks at the topics that
        // find the same, all handled, with an empty outbox in between.
        const before = await this.#positions();
        const pending = await this.#pending();
        const after = await this.#positions();
        left = [...pending, ...after.behind].join(', ');
        return left === '' && before.ends === after.ends ? true : undefined;
      },
      () => `the services were not idle: ${left}; seen: ${this.#summary()}`,
    );
  }

  /** Forgets what was seen, so that the next expectation is about what comes now. */
  forget(): void {
    this.#seen.length = 0;
    this.#dead.length = 0;
  }

  /** Leaves the broker. */
  stop(): Promise<void> {
    return this.#close();
  }

  async #pending(): Promise<string[]> {
    const engines = this.options.engines?.() ?? [];
    const counts = await Promise.all(engines.map(({ outbox }) => outbox.backlog()));
    return counts.flatMap(({ pending }) =>
      pending === 0 ? [] : [`${pending} messages in an outbox`],
    );
  }

  async #positions(): Promise<{ ends: string; behind: string[] }> {
    const groups = (this.options.engines?.() ?? []).flatMap(({ runtime }) => runtime.groups);
    const lags = await Promise.all(
      groups.map(async ({ group, topics }) => ({
        group,
        lags: (await this.#admin.lag(group, topics)).filter(({ end }) => end > 0),
      })),
    );
    return {
      ends: lags.flatMap((each) => each.lags.map(({ end }) => end)).join(),
      behind: lags.flatMap((each) =>
        each.lags.flatMap(({ topic, partition, lag }) =>
          lag === 0 ? [] : [`${lag} messages of ${topic}/${partition} for ${each.group}`],
        ),
      ),
    };
  }

  #see(record: IncomingRecord): void {
    const header = (name: string): string => String(record.headers[name] ?? '');
    if (record.topic.endsWith(deadLetterTopic(''))) {
      this.#dead.push({
        topic: header(DEAD_LETTER_HEADER.topic),
        reason: header(DEAD_LETTER_HEADER.reason),
        error: header(DEAD_LETTER_HEADER.error),
        consumer: header(DEAD_LETTER_HEADER.consumer),
        record,
      });
      return;
    }
    const message = new Delivery(record, (type) => this.#contracts.get(type)).read();
    // What it was not asked to look at, or what a test broke on purpose.
    if (message instanceof UnreadableRecordError) return;
    const { contract, data, envelope } = message;
    const context = new ReceivedContext(record, envelope, 1, { signal: NEVER });
    this.#seen.push({ contract, data: data as never, context, record });
  }

  #summary(): string {
    const counts = new Map<string, number>();
    const count = (name: string): unknown => counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const { contract } of this.#seen) count(contract.name);
    for (const { topic, reason } of this.#dead) count(`dead letter of ${topic} (${reason})`);
    return [...counts].map(([name, times]) => `${times} x ${name}`).join(', ') || 'nothing';
  }

  async #until<T>(
    probe: () => T | undefined | Promise<T | undefined>,
    complaint: () => string,
  ): Promise<T> {
    const { timeoutMs = 15_000 } = this.options;
    const end = systemClock.monotonic() + timeoutMs;
    for (;;) {
      const found = await probe();
      if (found !== undefined) return found;
      if (systemClock.monotonic() > end) throw new Error(complaint());
      await systemClock.sleep(POLL_MS);
    }
  }
}
