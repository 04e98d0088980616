import { isObject } from '../contract/compatibility/json-schema.js';
import type { MessageContract } from '../contract/contract.js';
import { NotDescribedError } from '../contract/lock/contract-lock.js';
import { keyDescription } from '../contract/lock/key-description.js';
import { sampleOf } from '../contract/samples/golden-samples.js';
import { NoValueError } from '../contract/samples/schema-value.js';
import { HEADER } from '../envelope/header-names.js';

/** One message of a document: its headers, its payload, what it is to EventCatalog. */
export function asyncApiMessage(
  contract: MessageContract,
  service: string,
  described: boolean,
): Record<string, unknown> {
  const { name, owner, latest, kind } = contract;
  const sample = exampleOf(contract);
  return {
    name,
    title: name,
    contentType: 'application/json',
    correlationId: { location: `$message.header#/${HEADER.correlationId}` },
    headers: headersOf(contract),
    ...(described ? { payload: { $ref: `#/components/schemas/${name}` } } : {}),
    ...(sample === undefined ? {} : { examples: [{ name: 'example', payload: sample }] }),
    bindings: { kafka: { key: keyOf(contract, sample), bindingVersion: '0.5.0' } },
    'x-eventcatalog-message-type': kind === 'command' ? 'command' : 'event',
    'x-eventcatalog-role': owner === service ? 'provider' : 'client',
    'x-eventcatalog-message-version': String(latest),
  };
}

/** The CloudEvents headers, binary mode, and ours. */
function headersOf({ name, kind, latest }: MessageContract): Record<string, unknown> {
  const text = { type: 'string' };
  return {
    type: 'object',
    properties: {
      [HEADER.specVersion]: { const: '1.0' },
      [HEADER.id]: text,
      [HEADER.type]: { const: name },
      [HEADER.source]: { type: 'string', format: 'uri-reference' },
      [HEADER.time]: { type: 'string', format: 'date-time' },
      [HEADER.dataVersion]: { const: String(latest) },
      [HEADER.contentType]: { const: 'application/json' },
      [HEADER.correlationId]: text,
      [HEADER.causationId]: text,
      traceparent: text,
      ...(kind === 'command' ? { [HEADER.replyTo]: text, [HEADER.replyKey]: text } : {}),
      ...(kind === 'reply' ? { [HEADER.inReplyTo]: text, [HEADER.outcome]: text } : {}),
    },
    required: [HEADER.specVersion, HEADER.id, HEADER.type, HEADER.source],
  };
}

function keyOf(contract: MessageContract, sample: unknown): Record<string, unknown> {
  if (contract.kind === 'reply') return { type: 'string', description: 'as the command says' };
  const description = keyDescription(
    (data) => contract.key(data),
    () => sample,
  );
  return { type: 'string', description };
}

function exampleOf(contract: MessageContract): unknown {
  try {
    return sampleOf(contract, contract.latest);
  } catch (error) {
    if (error instanceof NoValueError || error instanceof NotDescribedError) return undefined;
    throw error;
  }
}

/**
 * The newest version's schema as draft 07, which AsyncAPI's own schemas are, with references that are
 * right where it is put; `undefined` for libraries that have none.
 */
export function payloadSchema({ name, versions, latest }: MessageContract): unknown {
  const { jsonSchema } = versions[latest]?.['~standard'] ?? {};
  if (jsonSchema === undefined) return undefined;
  const { $schema: _, ...schema } = jsonSchema.output({ target: 'draft-07' });
  return moved(schema, `#/components/schemas/${name}`);
}

function moved(schema: unknown, to: string): unknown {
  if (Array.isArray(schema)) return schema.map((each) => moved(each, to));
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      const own = key === '$ref' && typeof value === 'string' && value.startsWith('#');
      return [key, own ? `${to}${value.slice(1)}` : moved(value, to)];
    }),
  );
}
