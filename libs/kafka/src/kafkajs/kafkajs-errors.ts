const OUTAGES = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSMetadataNotLoaded',
]);

/** kafkajs says this with an error of no particular kind when a connection ends at a bad moment. */
const DISCONNECTED = 'Broker not connected';

const OUTAGE_TYPES = new Set([
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'LEADER_NOT_AVAILABLE',
]);

const FENCES = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS']);

const UNSETTLED = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'UNKNOWN_TOPIC_OR_PARTITION',
]);

interface Wrapped {
  readonly message?: string;
  readonly name?: string;
  readonly type?: string;
  readonly cause?: unknown;
  readonly originalError?: unknown;
}

/** The error and all that it wraps. kafkajs knows both `cause` and `originalError`. */
function* chain(error: unknown): Generator<Wrapped> {
  let inner = error;
  for (let depth = 0; inner instanceof Error && depth < 8; depth += 1) {
    const wrapped = inner as Wrapped;
    yield wrapped;
    inner = wrapped.cause ?? wrapped.originalError;
  }
}

/** Whether the brokers are away, rather than something being wrong. */
export function isOutage(error: unknown): boolean {
  for (const { name, type, message } of chain(error)) {
    if (OUTAGES.has(name ?? '') || OUTAGE_TYPES.has(type ?? '')) return true;
    if (message === DISCONNECTED) return true;
  }
  return false;
}

/** Whether the group has moved on without this member. */
export function isFence(error: unknown): boolean {
  for (const { type } of chain(error)) if (FENCES.has(type ?? '')) return true;
  return false;
}

/** Whether a broker has yet to hear of the topic, or that it leads it. */
export function isUnsettled(error: unknown): boolean {
  for (const { type } of chain(error)) if (UNSETTLED.has(type ?? '')) return true;
  return false;
}

/** Whether a topic does not exist. */
export function isMissingTopic(error: unknown): boolean {
  for (const { type } of chain(error)) if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return true;
  return false;
}
