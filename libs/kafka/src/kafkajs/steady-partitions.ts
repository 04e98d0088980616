import kafkajs, {
  type ICustomPartitioner,
  type Message,
  type RecordMetadata,
  type TopicMessages,
} from 'kafkajs';

/**
 * Where the messages of a send belong, and which of them were answered for.
 *
 * kafkajs sends a batch in one request per node. When one fails it looks up the leaders anew, but
 * sends again only to nodes that have not answered: a partition whose new leader has answered for
 * others is left out, and the send resolves as if it were stored. And it chooses partitions anew,
 * so that messages without a key change places. Here each message keeps its first partition, and
 * what was left out is found.
 */
export class SteadyPartitions {
  readonly #chosen = new WeakMap<Message, number>();

  /** For the option `createPartitioner`. */
  readonly createPartitioner: ICustomPartitioner = () => {
    const choose = kafkajs.Partitioners.DefaultPartitioner();
    return (asked) => {
      const known = this.#chosen.get(asked.message);
      if (known !== undefined) return known;
      const chosen = choose(asked);
      this.#chosen.set(asked.message, chosen);
      return chosen;
    };
  };

  /** The messages of partitions that no node has answered for. */
  unanswered(
    sent: readonly TopicMessages[],
    answers: readonly RecordMetadata[],
  ): { topic: string; messages: Message[] }[] {
    const answered = new Set(
      answers.map(({ topicName, partition }) => `${topicName} ${partition}`),
    );
    return sent
      .map(({ topic, messages }) => ({
        topic,
        messages: messages.filter((one) => !answered.has(`${topic} ${this.#chosen.get(one)}`)),
      }))
      .filter(({ messages }) => messages.length > 0);
  }
}
