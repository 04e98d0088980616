import { refusalOf } from './platformatic-errors.js';
import type { Broker, PlatformaticClient } from './platformatic-client.js';

interface MetadataAnswer {
  readonly controllerId: number;
  readonly brokers: readonly { nodeId: number; host: string; port: number }[];
  readonly topics: readonly {
    errorCode: number;
    name: string;
    topicId: string;
    partitions: readonly { partitionIndex: number; leaderId: number; leaderEpoch: number }[];
  }[];
}

/** A topic as brokers describe it. */
export interface TopicView {
  readonly id: string;
  /** Node that leads each partition; -1 while none does. */
  readonly leaders: readonly number[];
  /** Why the topic cannot be used, if so. */
  readonly refusal: string | undefined;
}

/** Which brokers there are, and which of them leads which partition. */
export class ClusterMap {
  #brokers: ReadonlyMap<number, Broker> = new Map();
  readonly #topics = new Map<string, TopicView>();
  #controller = -1;

  constructor(
    private readonly client: PlatformaticClient,
    private readonly autoCreateTopics: boolean,
  ) {}

  /** Asks any broker about topics. */
  async refresh(topics: readonly string[]): Promise<void> {
    const answer = await this.client.ask<MetadataAnswer>(undefined, 'Metadata', [
      topics,
      this.autoCreateTopics,
      false,
    ]);
    this.#controller = answer.controllerId;
    this.#brokers = new Map(
      answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]),
    );
    for (const { name, topicId, errorCode, partitions } of answer.topics) {
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
      this.#topics.set(name, { id: topicId, leaders, refusal: refusalOf(errorCode) });
    }
  }

  /** Asks about those topics only that are not known to be usable. */
  async know(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter((topic) => !this.usable(topic));
    if (unknown.length > 0) await this.refresh(unknown);
  }

  /** Whether every partition of the topic has a leader. */
  usable(topic: string): boolean {
    const view = this.#topics.get(topic);
    return view !== undefined && view.leaders.length > 0 && view.leaders.every((node) => node >= 0);
  }

  topic(name: string): TopicView | undefined {
    return this.#topics.get(name);
  }

  topicOfId(id: string): string | undefined {
    for (const [name, view] of this.#topics) if (view.id === id) return name;
    return undefined;
  }

  /** Forgets a topic, so that {@link know} asks again. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Numbers of a topic's partitions; none while it is unknown. */
  partitions(topic: string): number[] {
    return [...(this.#topics.get(topic)?.leaders ?? []).keys()];
  }

  leader(topic: string, partition: number): number | undefined {
    const node = this.#topics.get(topic)?.leaders[partition];
    return node !== undefined && this.#brokers.has(node) ? node : undefined;
  }

  broker(node: number): Broker | undefined {
    return this.#brokers.get(node);
  }

  /** Where topics are created. */
  get controller(): Broker | undefined {
    return this.#brokers.get(this.#controller);
  }
}
