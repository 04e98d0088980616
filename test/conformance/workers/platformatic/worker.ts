import { readFileSync } from 'node:fs';
import { serve } from '../serve.js';
import { adminOperations } from './admin.js';
import { consumerOperations } from './consumers.js';
import { producerOperations } from './producers.js';

// Its exports leave the manifest out.
const manifest = new URL('../package.json', import.meta.resolve('@platformatic/kafka'));
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

/** What the broker said at last is often deep within errors of errors. */
function codeOf(error: unknown): string {
  const said = String(error);
  if (said.includes('Unknown topic')) return 'UNKNOWN_TOPIC_OR_PARTITION';
  if (said.includes('has no committed offset')) return 'CLIENT:NO_OFFSET';
  return protocolCode(error) ?? `CLIENT:${(error as { code?: string }).code ?? String(error)}`;
}

function protocolCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { apiId, code, errors, cause } = error as Record<string, unknown>;
  if (typeof apiId === 'string') return apiId;
  if (code === 'PLT_KFK_AUTHENTICATION') return 'SASL_AUTHENTICATION_FAILED';
  for (const inner of [...((errors as unknown[] | undefined) ?? []).toReversed(), cause]) {
    const found = protocolCode(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

serve(
  `@platformatic/kafka ${version}`,
  { ...adminOperations(), ...producerOperations(), ...consumerOperations() },
  [
    // Not `time-span`: times that are years apart come out wrong. Not `append-time`: it shows the producer's
    // time. Not `aborts`: of the aborted transactions of a producer it hides the last in a fetch. Not
    // `tells-revocation` and `tells-fencing`: it has no events for them. Not `static-member`: one that is
    // closed leaves its group, by its member id, and what it gets when it is back is up to a rebalance.
    'codec:none',
    'codec:gzip',
    'codec:snappy',
    'codec:lz4',
    'codec:zstd',
    'strategy:roundrobin',
    'strategy:cooperative-sticky',
    'login:PLAIN',
    'login:SCRAM-SHA-256',
    'login:SCRAM-SHA-512',
    'acks:0',
    'sent-positions',
    'idempotent',
    'headers',
    'timestamps',
    'transaction-timeout',
    'stays-joined',
    'null-values',
    'binary',
    'murmur2',
    'read_committed',
    'reset:none',
    'max-timestamp',
    'listOffset:isolation',
    'session-timeout',
    'is-default',
    'member-assignment',
  ],
  codeOf,
);
