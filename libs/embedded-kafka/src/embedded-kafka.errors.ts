import { RookeryError } from '@rookery/core';

/** The broker was asked to run in production. It keeps one copy and checks nobody: use Kafka. */
export class ProductionRefusedError extends RookeryError {
  override readonly code = 'RKY_EMBEDDED_KAFKA_PRODUCTION';
  override readonly title = 'Not for production';

  constructor(variable: string, value: string) {
    super(
      `the embedded Kafka broker does not run in production (${variable}=${value}): ` +
        'point kafka.brokers at a real cluster',
    );
  }
}

/** The port to listen on is taken. */
export class PortInUseError extends RookeryError {
  override readonly code = 'RKY_EMBEDDED_KAFKA_PORT_IN_USE';
  override readonly title = 'Port in use';

  constructor(host: string, port: number, cause: unknown) {
    super(`${host}:${port} is in use: stop what listens there, or set another port (0 picks one)`, {
      cause,
      details: { host, port },
    });
  }
}

/** The broker could not listen for another reason, such as a privileged port. */
export class ListenError extends RookeryError {
  override readonly code = 'RKY_EMBEDDED_KAFKA_LISTEN';
  override readonly title = 'Cannot listen';

  constructor(host: string, port: number, cause: Error) {
    super(`cannot listen on ${host}:${port}: ${cause.message}`, { cause, details: { host, port } });
  }
}

/** A fault was ordered for a partition, group or node that is not there. */
export class UnknownTargetError extends RookeryError {
  override readonly code = 'RKY_EMBEDDED_KAFKA_UNKNOWN_TARGET';
  override readonly title = 'No such target';

  constructor(target: string, problem: string) {
    super(`no fault for ${target}: ${problem}`, { details: { target } });
  }
}

/** The data directory is in use by another broker, or cannot be read or written. */
export class DataDirectoryError extends RookeryError {
  override readonly code = 'RKY_EMBEDDED_KAFKA_DATA_DIRECTORY';
  override readonly title = 'Data directory unusable';

  constructor(directory: string, problem: string, cause?: unknown) {
    super(`data directory ${directory} ${problem}`, { cause, details: { directory } });
  }
}
