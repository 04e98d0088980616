import type { Message, Producer } from 'kafkajs';
import type {
  KafkaProducer,
  OutgoingRecord,
  ProducerOptions,
  RecordHeaders,
} from '../driver/kafka-driver.js';
import { SendQueue, type Queued } from '../driver/send-queue.js';
import { KafkaClosedError, KafkaSendError, KafkaUnavailableError } from '../kafka.errors.js';
import { KafkajsClient } from './kafkajs-client.js';
import { isOutage } from './kafkajs-errors.js';
import { SteadyPartitions } from './steady-partitions.js';

interface Session {
  readonly client: KafkajsClient;
  readonly producer: Producer;
  readonly partitions: SteadyPartitions;
  readonly ready: Promise<void>;
}

/**
 * An idempotent producer. kafkajs reuses the sequence numbers of a batch that failed for whatever
 * is sent next; a broker that had stored the first batch takes the second for its repetition and
 * drops it. So after any failure the whole producer is given up for one with a new producer id.
 */
export class KafkajsProducer implements KafkaProducer {
  readonly #queue = new SendQueue((queued) => this.#deliver(queued), false);
  #session: Session | undefined;
  #closed = false;

  constructor(
    private readonly open: () => KafkajsClient,
    private readonly brokers: readonly string[],
    private readonly options: ProducerOptions,
    private readonly requestTimeoutMs: number,
    private readonly onClose: (producer: KafkajsProducer) => void,
  ) {}

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    if (this.#closed) throw new KafkaClosedError('producer');
    const problems = await this.#queue.add(records);
    if (problems.size === 0) return;
    const [cause] = problems.values();
    if (cause instanceof KafkaClosedError) throw cause;
    if (isOutage(cause)) throw new KafkaUnavailableError('send', this.brokers, cause);
    throw new KafkaSendError([...problems.keys()], cause);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#queue.idle();
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) {
      await session.ready.then(
        () => session.producer.disconnect(),
        () => undefined,
      );
      session.client.cut();
    }
    this.onClose(this);
  }

  async #deliver(queued: readonly Queued[]): Promise<void> {
    const session = (this.#session ??= this.#begin());
    try {
      await session.ready;
      let left = byTopic(queued.map(({ record }) => record));
      // Each pass gets at least one partition answered; see SteadyPartitions.
      while (left.length > 0) {
        const answers = await session.producer.sendBatch({
          acks: -1,
          timeout: this.requestTimeoutMs,
          topicMessages: left,
        });
        if (answers.length === 0) throw new Error('no node answered for any partition');
        left = session.partitions.unanswered(left, answers);
      }
    } catch (error) {
      this.#giveUp(session);
      for (const { record, send } of queued) send.problems.set(record.topic, error);
    }
  }

  #begin(): Session {
    const client = this.open();
    const partitions = new SteadyPartitions();
    const producer = client.kafka.producer({
      idempotent: this.options.idempotent ?? true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: true,
      createPartitioner: partitions.createPartitioner,
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 },
    });
    const ready = producer.connect();
    ready.catch(() => {});
    return { client, producer, partitions, ready };
  }

  #giveUp(session: Session): void {
    if (this.#session === session) this.#session = undefined;
    session.client.cut();
    session.producer.disconnect().catch(() => {});
  }
}

function byTopic(records: readonly OutgoingRecord[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const record of records) {
    let messages = topics.get(record.topic);
    if (messages === undefined) topics.set(record.topic, (messages = []));
    messages.push({
      key: record.key,
      value: record.value,
      ...(record.headers === undefined ? {} : { headers: headersOf(record.headers) }),
      ...(record.partition === undefined ? {} : { partition: record.partition }),
      ...(record.timestamp === undefined ? {} : { timestamp: String(record.timestamp) }),
    });
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

function headersOf(headers: RecordHeaders): Record<string, Buffer | string | (Buffer | string)[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' || Buffer.isBuffer(value) ? value : [...value],
    ]),
  );
}
