import { RookeryError } from '@rookery/core';

/** No broker answers. */
export class KafkaUnavailableError extends RookeryError {
  override readonly code = 'RKY_KAFKA_UNAVAILABLE';
  override readonly status = 503;
  override readonly title = 'Kafka is not available';
  override readonly retryable = true;

  constructor(
    /** What was tried. */
    readonly operation: string,
    readonly brokers: readonly string[],
    cause?: unknown,
  ) {
    super(`${operation}: no broker at ${brokers.join(', ')} answers (${reasonOf(cause)})`, {
      cause,
    });
  }
}

/** A broker refused records. Some of them may be stored. */
export class KafkaSendError extends RookeryError {
  override readonly code = 'RKY_KAFKA_SEND';
  override readonly title = 'Kafka refused records';
  override readonly retryable = true;

  constructor(
    readonly topics: readonly string[],
    cause?: unknown,
  ) {
    super(`send to ${topics.join(', ')} failed (${reasonOf(cause)})`, { cause });
  }
}

/** A commit came too late: the partition belongs to another member of the group by now. */
export class CommitFencedError extends RookeryError {
  override readonly code = 'RKY_KAFKA_COMMIT_FENCED';
  override readonly title = 'Partition is owned by another member';

  constructor(
    readonly group: string,
    cause?: unknown,
  ) {
    super(`group ${group}: this member no longer owns the partition`, { cause });
  }
}

/** The driver, producer or consumer was closed. */
export class KafkaClosedError extends RookeryError {
  override readonly code = 'RKY_KAFKA_CLOSED';
  override readonly title = 'Kafka client is closed';

  constructor(readonly what: string) {
    super(`${what} is closed`);
  }
}

/** A broker answered, and not with what was asked for. */
export class KafkaRequestError extends RookeryError {
  override readonly code = 'RKY_KAFKA_REQUEST';
  override readonly title = 'Kafka request failed';

  constructor(
    readonly operation: string,
    cause?: unknown,
  ) {
    super(`${operation} failed (${reasonOf(cause)})`, { cause });
  }
}

/** The driver that the configuration names needs a package that is not installed. */
export class DriverMissingError extends RookeryError {
  override readonly code = 'RKY_KAFKA_DRIVER_MISSING';
  override readonly title = 'Kafka driver is not installed';

  constructor(
    readonly driver: string,
    readonly packageName: string,
    cause?: unknown,
  ) {
    super(`kafka.driver: ${driver} needs ${packageName}: npm install ${packageName}`, { cause });
  }
}

/** The innermost reason, because client libraries wrap it several times. */
export function reasonOf(error: unknown): string {
  let inner = error;
  for (let depth = 0; depth < 8; depth += 1) {
    const { cause, originalError } = (inner ?? {}) as { cause?: unknown; originalError?: unknown };
    const next = cause ?? originalError ?? (inner instanceof AggregateError && inner.errors[0]);
    if (!(next instanceof Error)) break;
    inner = next;
  }
  if (inner instanceof Error) return inner.message;
  return typeof inner === 'string' ? inner : 'no reason given';
}
