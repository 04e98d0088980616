import { protocolErrors, protocolErrorsCodesById } from '@platformatic/kafka';

/** A broker's answer that says no, by the name that the protocol guide gives it. */
export class BrokerRefusal extends Error {
  constructor(
    /** Such as `UNKNOWN_TOPIC_OR_PARTITION`. */
    readonly reason: string,
    detail?: string | null,
  ) {
    const words = detail ?? protocolErrors[reason]?.message ?? '';
    super(words === '' ? reason : `${reason}: ${words}`);
  }
}

/** The name of an error code; undefined when it says that all is well. */
export function refusalOf(errorCode: number): string | undefined {
  if (errorCode === 0) return undefined;
  return protocolErrorsCodesById[errorCode] ?? `ERROR_${errorCode}`;
}

/** @throws BrokerRefusal unless the code says that all is well */
export function accepted(errorCode: number, detail?: string | null): void {
  const reason = refusalOf(errorCode);
  if (reason !== undefined) throw new BrokerRefusal(reason, detail);
}

/** The coordinator has moved, or does not know yet that it is one. */
export const COORDINATOR_AWAY: ReadonlySet<string> = new Set([
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
]);

/** The leader has moved, or a broker has yet to hear of the topic. */
export const LEADER_AWAY: ReadonlySet<string> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'REPLICA_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
]);

/** The group has moved on without this member. */
export const FENCES: ReadonlySet<string> = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);

/** Whether a broker said one of these. */
export function isRefusal(error: unknown, reasons: ReadonlySet<string>): error is BrokerRefusal {
  return error instanceof BrokerRefusal && reasons.has(error.reason);
}

const MISCONFIGURED = new Set(['PLT_KFK_AUTHENTICATION', 'PLT_KFK_USER']);
const UNREACHABLE = new Set(['PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT']);

/** Whether the brokers are away, rather than something being wrong. */
export function isOutage(error: unknown): boolean {
  if (isRefusal(error, COORDINATOR_AWAY)) return true;
  const codes = [...codesOf(error, 0)];
  // Wrong credentials look like a broken connection around the reason.
  if (codes.some((code) => MISCONFIGURED.has(code))) return false;
  return codes.some((code) => UNREACHABLE.has(code));
}

function* codesOf(error: unknown, depth: number): Generator<string> {
  if (!(error instanceof Error) || depth > 8) return;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') yield code;
  yield* codesOf(cause, depth + 1);
  if (error instanceof AggregateError) {
    for (const inner of error.errors) yield* codesOf(inner, depth + 1);
  }
}
