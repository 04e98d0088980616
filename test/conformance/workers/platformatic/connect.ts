import type { BaseOptions } from '@platformatic/kafka';
import type { Connection } from '../../port/operations.js';
import { addressOf } from '../serve.js';

/** What every client of a connection needs to be told. */
export function optionsOf(connection: Connection): BaseOptions {
  return {
    clientId: 'conformance',
    bootstrapBrokers: [addressOf(connection)],
    // A group's coordinator may take a while to be found for the first time.
    retries: 15,
    retryDelay: 100,
    timeout: 10_000,
    connectTimeout: 5_000,
    metadataMaxAge: 1_000,
    ...(connection.login ? { sasl: connection.login } : {}),
  };
}
