import { ConfluentSchemaRegistry } from '@platformatic/kafka';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineEvent } from '../contract/define-contract.js';
import { describeContract } from '../contract/lock/contract-lock.js';
import { Delivery } from '../consumer/delivery.js';
import { HEADER } from '../envelope/header-names.js';
import { failed, TestRegistry } from '../testing/test-registry.js';
import { publishContracts } from './publish-contracts.js';
import { schemaIdOf, unframed } from './registry-frame.js';
import { SchemaRegistry, SchemaRegistryError } from './schema-registry.js';

const Placed = defineEvent('regspec.placed', {
  topic: 'regspec.events',
  owner: 'regspec',
  key: (data) => data.id,
  versions: { 1: z.object({ id: z.string() }), 2: z.object({ id: z.string(), n: z.int() }) },
  upcast: { 1: (v1) => ({ ...v1, n: 0 }) },
});

let server: TestRegistry;
let url: string;
beforeEach(async () => {
  server = new TestRegistry();
  url = await server.start();
});
afterEach(() => server.stop());

describe('a schema registry', () => {
  it('gets every version of locked contracts, once', async () => {
    const registry = new SchemaRegistry({ url: `${url}/` });
    const locked = { [Placed.name]: describeContract(Placed) };
    const published = await publishContracts(registry, locked);
    expect(published).toEqual([
      { subject: 'regspec.placed', version: 1, id: 1 },
      { subject: 'regspec.placed', version: 2, id: 2 },
    ]);
    expect(await publishContracts(registry, locked)).toEqual(published);
    expect(server.subjects.get('regspec.placed')).toHaveLength(2);
    // Its rules would refuse what ours allow.
    expect(server.modes.get('regspec.placed')).toBe('NONE');
    expect(server.asked[0]?.contentType).toBe('application/vnd.schemaregistry.v1+json');
    const stored = await registry.schema(2);
    expect(stored).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'regspec.placed v2',
      required: ['id', 'n'],
    });
    expect(await registry.schema(99)).toBeUndefined();
  });

  it('is asked what it takes for compatible', async () => {
    const registry = new SchemaRegistry({ url });
    expect(await registry.isCompatible('new', { type: 'string' })).toEqual({
      compatible: true,
      messages: [],
    });
    await registry.register('old', { type: 'string' });
    expect(await registry.isCompatible('old', { type: 'number' })).toEqual({
      compatible: false,
      messages: ['it differs'],
    });
  });

  it('is told who asks', async () => {
    await new SchemaRegistry({ url, token: 'secret' }).register('a b/c', true);
    await new SchemaRegistry({ url, basic: { user: 'u', password: 'p' } }).register('x', true);
    expect(server.asked).toMatchObject([
      { path: 'POST /subjects/a%20b%2Fc/versions', authorization: 'Bearer secret' },
      { authorization: `Basic ${Buffer.from('u:p').toString('base64')}` },
    ]);
  });

  it.each<[string, { status: number; body: string }, object]>([
    ['refuses', failed(422, 42201, 'Invalid schema'), { errorCode: 42201, retryable: false }],
    ['is overloaded', failed(503, 50003, 'later'), { errorCode: 50003, retryable: true }],
    [
      'is none',
      { status: 200, body: '<html>' },
      { message: expect.stringContaining('no schema registry') },
    ],
    [
      'is behind a door',
      { status: 401, body: '' },
      { message: expect.stringContaining('refused with 401') },
    ],
    ['sends elsewhere', { status: 302, body: '' }, { retryable: false }],
    [
      'never ends',
      { status: 200, body: 'x'.repeat(6_000_000) },
      { message: expect.stringContaining('bytes') },
    ],
  ])('that %s is an error that says so', async (_what, answer, expected) => {
    server.answer = () => answer;
    const registry = new SchemaRegistry({ url, token: 'secret' });
    const error: unknown = await registry.register('s', true).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SchemaRegistryError);
    expect(error).toMatchObject(expected);
    expect(String(error)).not.toContain('secret');
  });

  it('that is not there can be asked again, and given up', async () => {
    await server.stop();
    const registry = new SchemaRegistry({ url });
    await expect(registry.schema(1)).rejects.toMatchObject({
      code: 'RKY_MSG_REGISTRY',
      retryable: true,
    });
    const stopped = AbortSignal.abort(new Error('stopped'));
    await expect(registry.schema(1, stopped)).rejects.toThrow('stopped');
    server = new TestRegistry();
    await server.start();
  });
});

describe('records of a registry’s serializers', () => {
  const json = Buffer.from('{"id":"1","n":7}');
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 1, 2]), json]);
  const record = (value: Buffer, headers: Record<string, string | Buffer> = {}) => ({
    topic: Placed.topic,
    partition: 0,
    offset: '0',
    key: Buffer.from('1'),
    value,
    timestamp: 0,
    headers: {
      [HEADER.specVersion]: '1.0',
      [HEADER.id]: 'id',
      [HEADER.type]: Placed.name,
      [HEADER.dataVersion]: '2',
      ...headers,
    },
  });

  it('are read with the id before the JSON', () => {
    expect(unframed(frame)).toEqual(json);
    expect(unframed(json)).toEqual(json);
    const read = new Delivery(record(frame) as never, () => Placed).read();
    expect(read).toMatchObject({ data: { id: '1', n: 7 } });
    expect(schemaIdOf(record(frame) as never)).toBe(258);
  });

  it('are read when another client wrote them by the schema that was published', async () => {
    const locked = { [Placed.name]: describeContract(Placed) };
    const published = await publishContracts(new SchemaRegistry({ url }), locked);
    const id = published[1]?.id ?? 0;
    const other = new ConfluentSchemaRegistry({ url, jsonValidateSend: true });
    await new Promise<void>((resolve, reject) => {
      void other.fetchSchema(id, (error) => (error ? reject(error) : resolve()));
    });
    const message = { topic: Placed.topic, metadata: { schemas: { value: id } } } as never;
    const write = (data: object): Buffer =>
      other.getSerializers().value?.(data as never, new Map(), message) as Buffer;
    const written = write({ id: '1', n: 7 });
    expect(schemaIdOf(record(written) as never)).toBe(id);
    const read = new Delivery(record(written) as never, () => Placed).read();
    expect(read).toMatchObject({ data: { id: '1', n: 7 } });
    // It has really understood the schema.
    expect(() => write({ id: '1', n: 'seven' })).toThrow(
      expect.objectContaining({ name: 'SchemaValidationError' }),
    );
  });

  it('are read with the id in a header', () => {
    const id = Buffer.from([0, 0, 0, 0, 9]);
    const named = record(json, { __value_schema_id: id });
    expect(new Delivery(named as never, () => Placed).read()).toMatchObject({ data: { n: 7 } });
    expect(schemaIdOf(named as never)).toBe(9);
    const guid = Buffer.from(`01${'0123456789abcdef'.repeat(2)}`, 'hex');
    expect(schemaIdOf(record(json, { __value_schema_id: guid }) as never)).toBe(
      '01234567-89ab-cdef-0123-456789abcdef',
    );
    expect(schemaIdOf(record(json) as never)).toBeUndefined();
  });

  it('that are nothing but a frame are unreadable, not a crash', () => {
    const read = new Delivery(record(Buffer.from([0, 0, 0, 0, 1])) as never, () => Placed).read();
    expect(read).toMatchObject({ reason: 'bad-json' });
  });
});
