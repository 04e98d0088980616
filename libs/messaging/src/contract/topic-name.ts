/** Kafka allows 249 characters; ours leave room for the suffix of a dead letter topic. */
const TOPIC = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,240}$/;

/** Whether brokers take a topic of that name. */
export function isTopicName(name: string): boolean {
  return TOPIC.test(name);
}
