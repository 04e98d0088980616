import { createRequire } from 'node:module';
import kafkajs, { type Kafka, type SASLOptions } from 'kafkajs';
import type { Connection, Login } from '../../port/operations.js';
import { addressOf, serve } from '../serve.js';
import { adminOperations } from './admin.js';
import { consumerOperations } from './consumers.js';
import { producerOperations } from './producers.js';

// kafkajs warns of its partitioner, which is what is tested here.
process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';
const { version } = createRequire(import.meta.url)('kafkajs/package.json') as { version: string };

function connect(connection: Connection): Kafka {
  return new kafkajs.Kafka({
    clientId: 'conformance',
    brokers: [addressOf(connection)],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 2, initialRetryTime: 50 },
    ...(connection.login ? { sasl: saslOf(connection.login) } : {}),
  });
}

function saslOf({ mechanism, username, password }: Login): SASLOptions {
  return { mechanism: mechanism.toLowerCase(), username, password } as SASLOptions;
}

/** kafkajs wraps what the broker said: some wrappers have it as cause, some as a list. */
function codeOf(error: unknown): string {
  const { type, name, cause, errors } = error as {
    type?: string;
    name?: string;
    cause?: unknown;
    errors?: unknown[];
    groups?: unknown[];
  };
  if (type !== undefined) return type;
  const { groups } = error as { groups?: { error?: unknown }[] };
  const inner = errors?.[0] ?? groups?.[0]?.error ?? cause;
  if (inner !== undefined) return codeOf(inner);
  if (name === 'KafkaJSSASLAuthenticationError') return 'SASL_AUTHENTICATION_FAILED';
  return `CLIENT:${name}`;
}

serve(
  `kafkajs ${version}`,
  { ...adminOperations(connect), ...producerOperations(connect), ...consumerOperations(connect) },
  [
    'codec:none',
    'codec:gzip',
    'strategy:roundrobin',
    'login:PLAIN',
    'login:SCRAM-SHA-256',
    'login:SCRAM-SHA-512',
    'acks:0',
    'sent-positions',
    'idempotent',
    'headers',
    'timestamps',
    'time-span',
    'append-time',
    'aborts',
    'tells-revocation',
    'transaction-timeout',
    'stays-joined',
    'null-values',
    'empty-bytes',
    'binary',
    'murmur2',
    'read_committed',
    'offset-metadata',
    'validate-only',
    'session-timeout',
    'is-default',
  ],
  codeOf,
);
