import { channel, type Channel } from '@rookery/core';

/** A statement was sent and answered. Carries no parameters: they are the user's data. */
export interface StatementMessage {
  readonly sql: string;
  readonly durationMs: number;
  readonly error?: unknown;
}

/** Every statement of every database of the process: `rookery.persistence.statement`. */
export const statementChannel: Channel<StatementMessage> = channel('rookery.persistence.statement');

/** Starts the measurement of a statement; `undefined` while nobody listens. */
export function publishStatement(sql: string): ((error?: unknown) => void) | undefined {
  if (!statementChannel.hasSubscribers) return undefined;
  const begin = performance.now();
  return (error) => {
    const durationMs = performance.now() - begin;
    statementChannel.publish({ sql, durationMs, ...(error === undefined ? {} : { error }) });
  };
}
