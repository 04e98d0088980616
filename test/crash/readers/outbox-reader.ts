import type { Random } from '@rookery/core';
import type { TransactionHost } from '@rookery/persistence';

/** One event of an aggregate; versions of a key count from 1. */
export interface AggregateEvent {
  readonly key: string;
  readonly version: number;
}

/** What a reader needs: the database, where to send, and chance. */
export interface ReaderParts {
  readonly host: TransactionHost;
  /** Takes its time, as a broker does; what is sent has arrived when it resolves. */
  readonly send: (events: readonly AggregateEvent[]) => Promise<void>;
  readonly random: Random;
}

/** A way to read an outbox. */
export interface OutboxReader {
  /** Reads on until `stop`, and then until there is nothing left that it can see. */
  start(): void;
  stop(): Promise<void>;
}
