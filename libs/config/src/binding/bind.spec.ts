import { durationOption, InvalidOptionError, type Environment } from '@rookery/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigStore } from '../store/config-store.js';

const bound = <S extends z.ZodType>(
  schema: S,
  values: unknown,
  environment: Environment = {},
): z.output<S> => ConfigStore.of('orders', { n: values }, environment).namespace('n', schema);

describe('binding to a schema', () => {
  it('turns texts into what the schema wants', () => {
    const schema = z.strictObject({
      port: z.int(),
      ratio: z.number(),
      on: z.boolean(),
      big: z.bigint(),
      names: z.array(z.string()),
      ports: z.array(z.number()),
      delay: durationOption(),
      raw: durationOption(),
      code: z.string(),
      mode: z.enum(['a', 'b']),
      two: z.literal(2),
      either: z.union([z.boolean(), z.string()]),
    });
    expect(
      bound(schema, {
        port: '80',
        ratio: '0.5',
        on: 'yes',
        big: '12345678901234567890',
        names: 'a, b',
        ports: '[1,2]',
        delay: '1.5s',
        raw: '250',
        code: 42,
        mode: 'a',
        two: '2',
        either: 'off',
      }),
    ).toEqual({
      port: 80,
      ratio: 0.5,
      on: true,
      big: 12345678901234567890n,
      names: ['a', 'b'],
      ports: [1, 2],
      delay: 1500,
      raw: 250,
      code: '42',
      mode: 'a',
      two: 2,
      either: false,
    });
  });

  it('does not bend what is no number into one', () => {
    for (const port of ['80x', '0x10', 'NaN', 'Infinity', '1 2', true]) {
      expect(() => bound(z.object({ port: z.number() }), { port })).toThrow(/n\.port: .*number/);
    }
  });

  it('takes the empty text as not set, except as a text', () => {
    const schema = z.object({
      port: z.number().default(1),
      list: z.array(z.string()).default(['x']),
      text: z.string().default('d'),
    });
    expect(bound(schema, { port: '', list: '', text: '' })).toEqual({
      port: 1,
      list: [],
      text: '',
    });
  });

  it('gives a namespace that nobody wrote its defaults', () => {
    expect(bound(z.strictObject({ a: z.number().default(3) }), undefined)).toEqual({ a: 3 });
    expect(bound(z.strictObject({ a: z.number() }).optional(), undefined)).toBeUndefined();
    expect(bound(z.number().default(7), undefined)).toBe(7);
  });

  it('picks the alternative that fits', () => {
    const schema = z.object({
      step: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('wait'), ms: z.number() }),
        z.object({ kind: z.literal('call'), url: z.string() }),
      ]),
    });
    expect(bound(schema, { step: { kind: 'wait', ms: '5' } })).toEqual({
      step: { kind: 'wait', ms: 5 },
    });
  });

  it('freezes all of it', () => {
    const value = bound(z.object({ list: z.array(z.object({ a: z.number() })) }), {
      list: [{ a: 1 }],
    });
    expect(() => Object.assign(value.list[0]!, { a: 2 })).toThrow(TypeError);
    expect(() => value.list.push({ a: 2 })).toThrow(TypeError);
  });
});

describe('environment variables', () => {
  const server = z.strictObject({
    port: z.number().default(0),
    drainDelay: durationOption().default(0),
    tls: z.strictObject({ key: z.string() }).optional(),
  });
  const of = (environment: Environment, values: unknown = {}): z.output<typeof server> =>
    ConfigStore.of('orders', { server: values }, environment).namespace('server', server);

  it.each([
    [{ SERVER_DRAIN_DELAY: '2s' }, { drainDelay: 2000 }],
    [{ SERVER_DRAINDELAY: '2s' }, { drainDelay: 2000 }],
    [{ PORT: '81' }, { port: 81 }],
    [{ PORT: '81', SERVER_PORT: '82' }, { port: 82 }],
    [{ SERVER_PORT: '' }, { port: 5 }],
    [{ SERVER_TLS_KEY: 'k' }, { tls: { key: 'k' } }],
  ])('%j bind to %j', (environment, expected) => {
    expect(of(environment, { port: 5 })).toMatchObject(expected);
  });

  it('win over a key in any spelling', () => {
    expect(of({ SERVER_DRAIN_DELAY: '2s' }, { 'drain-delay': '9s' }).drainDelay).toBe(2000);
  });

  it('that no schema knows are left alone', () => {
    expect(of({ SERVER_UNKNOWN: 'x', SERVER: 'text' })).toEqual({ port: 0, drainDelay: 0 });
  });

  it('set lists by index, whole', () => {
    const schema = z.object({ routes: z.array(z.object({ id: z.string(), order: z.number() })) });
    const values = {
      routes: [
        { id: 'a', order: 1 },
        { id: 'b', order: 2 },
      ],
    };
    const environment = { N_ROUTES_0_ID: 'c', N_ROUTES_0_ORDER: '3' };
    expect(bound(schema, values, environment).routes).toEqual([{ id: 'c', order: 3 }]);
    expect(bound(schema, values, { N_ROUTES: '[{"id":"d","order":4}]' }).routes).toHaveLength(1);
  });

  it('name the keys of records, new ones too', () => {
    const schema = z.strictObject({
      instances: z.record(
        z.string(),
        z.strictObject({
          failureRate: z.number(),
          slow: z.strictObject({ rate: z.number() }).optional(),
        }),
      ),
    });
    const environment = {
      N_INSTANCES_API_GATEWAY_FAILURE_RATE: '10',
      N_INSTANCES_STOCK_FAILURE_RATE: '20',
      N_INSTANCES_STOCK_SLOW_RATE: '30',
      N_INSTANCES_NOISE: 'x',
    };
    expect(bound(schema, { instances: { stock: { failureRate: 1 } } }, environment)).toEqual({
      instances: {
        stock: { failureRate: 20, slow: { rate: 30 } },
        'api-gateway': { failureRate: 10 },
      },
    });
  });

  it('may hold JSON for a map', () => {
    const schema = z.object({ urls: z.record(z.string(), z.array(z.string())) });
    expect(bound(schema, {}, { N_URLS: '{"orders":["http://a","http://b"]}' }).urls).toEqual({
      orders: ['http://a', 'http://b'],
    });
  });
});

describe('a wrong value', () => {
  const failure = (schema: z.ZodType, values: unknown, environment?: Environment): string => {
    try {
      bound(schema, values, environment);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidOptionError);
      return (error as Error).message;
    }
    throw new Error('accepted');
  };

  it('is named with its key, what is allowed and where it was set', () => {
    expect(
      failure(z.object({ port: z.number().max(65_535) }), { port: 1 }, { N_PORT: '70000' }),
    ).toBe(
      'configuration of orders: n.port: 70000 is not allowed, Too big: expected number to be <=65535 (set by environment N_PORT)',
    );
    expect(failure(z.object({ port: z.number() }), { port: 'x' })).toMatch(
      /n\.port: "x" is not allowed, expected number, received string \(set by fixed values\)$/,
    );
  });

  it('that is missing is named with the variable that would set it', () => {
    expect(failure(z.object({ clientId: z.string() }), {})).toMatch(
      /n\.clientId: is missing, expected string; set it in a file or as N_CLIENT_ID$/,
    );
  });

  it('of an unknown key is refused by a strict schema', () => {
    expect(failure(z.strictObject({ inner: z.strictObject({}) }), { inner: { tpyo: 1 } })).toMatch(
      /n\.inner\.tpyo: unknown option \(set by fixed values\)/,
    );
  });

  it('never shows a secret', () => {
    const schema = z.object({ clientSecret: z.number(), url: z.number(), nest: z.string() });
    const text = failure(schema, {
      clientSecret: 'hunter2',
      url: 'postgres://user:hunter2@host/db',
      nest: { password: 'hunter2' },
    });
    expect(text).not.toContain('hunter2');
    expect(text).toContain('******');
  });
});
