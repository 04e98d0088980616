import { RookeryError } from '@rookery/core';

/** Somebody asked for a part of a Kafka client that the platform keeps to itself. */
export class NotOfferedError extends RookeryError {
  override readonly code = 'RKY_MSG_NOT_OFFERED';
  override readonly title = 'Not offered by this transport';
}
