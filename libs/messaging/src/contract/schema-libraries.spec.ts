import { InvalidOptionError } from '@rookery/core';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ContractViolationError } from '../messaging.errors.js';
import { decodeData, encodeData } from './contract-codec.js';
import type { EventContract } from './contract.js';
import type { SchemaObject } from './compatibility/json-schema.js';
import { defineEvent } from './define-contract.js';
import { droppingUnknown } from './drop-unknown.js';
import { checkContracts } from './lock/check-contracts.js';
import { describeContract } from './lock/contract-lock.js';
import { sampleOf, sampleProblem } from './samples/golden-samples.js';
import type { StandardSchema } from './standard-schema.js';

interface Placed {
  id: string;
  lines: { sku: string; quantity: number }[];
  unit: string;
}

const shared = { topic: 'shop.events', owner: 'shop', key: (data: Placed) => data.id };
const event = (name: string, schema: StandardSchema<never, Placed>): EventContract =>
  defineEvent(`shop.by-${name}`, { ...shared, versions: { 1: schema } } as never);

/** The same contract in each library; `unit` has a default. */
const LIBRARIES: readonly (readonly [string, EventContract])[] = [
  [
    'zod',
    event(
      'zod',
      z.object({
        id: z.string().min(1),
        lines: z.array(z.object({ sku: z.string(), quantity: z.int().min(1) })),
        unit: z.string().default('piece'),
      }) as never,
    ),
  ],
  [
    'valibot',
    event(
      'valibot',
      toStandardJsonSchema(
        v.object({
          id: v.pipe(v.string(), v.minLength(1)),
          lines: v.array(
            v.object({ sku: v.string(), quantity: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
          ),
          unit: v.optional(v.string(), 'piece'),
        }),
      ) as never,
    ),
  ],
  [
    'arktype',
    event(
      'arktype',
      type({
        id: 'string >= 1',
        lines: type({ sku: 'string', quantity: 'number.integer >= 1' }).array(),
        unit: "string = 'piece'",
      }) as never,
    ),
  ],
];

describe.each(LIBRARIES)('a contract by %s', (_name, contract) => {
  const data = { id: '1', lines: [{ sku: 'apple', quantity: 2 }] };
  const whole = { ...data, unit: 'piece' };

  it('fills in defaults and drops what it does not name, on both sides', () => {
    const more = { ...data, secret: 1, lines: [{ ...data.lines[0], secret: 1 }] };
    const before = structuredClone(more);
    expect(encodeData(contract, more)).toEqual(whole);
    expect(more).toEqual(before);
    expect(decodeData(contract, 1, more)).toEqual(whole);
  });

  it('refuses with the place of what is wrong', () => {
    const wrong = { id: '1', lines: [{ sku: 'apple', quantity: 'two' }] };
    expect(() => encodeData(contract, wrong)).toThrow(ContractViolationError);
    expect(() => encodeData(contract, wrong)).toThrow(/v1: lines\.0\.quantity: /);
    expect(() => decodeData(contract, 1, { ...whole, lines: [{ sku: 'x', quantity: 0 }] })).toThrow(
      ContractViolationError,
    );
  });

  it('can be locked, sampled and checked', () => {
    const locked = describeContract(contract);
    expect(locked).toMatchObject({ key: 'id', topic: 'shop.events' });
    const { schema, reads = schema } = locked.versions[1] ?? {};
    expect(reads).toMatchObject({ required: ['id', 'lines'] });
    const sample = sampleOf(contract, 1);
    expect(sampleProblem(contract, 1, sample)).toBeUndefined();
    const check = { contracts: [contract], locked: { [contract.name]: locked }, consumers: {} };
    expect(checkContracts(check)).toEqual([]);
  });
});

describe('a transform', () => {
  it.each<[string, () => unknown]>([
    ['zod', () => z.object({ id: z.string().transform((text) => text.length) })],
    [
      'zod codecs',
      () => z.object({ id: z.codec(z.string(), z.number(), { decode: Number, encode: String }) }),
    ],
    ['zod dates', () => z.object({ id: z.date() })],
    [
      'valibot',
      () =>
        toStandardJsonSchema(
          v.object({
            id: v.pipe(
              v.string(),
              v.transform((text) => text.length),
            ),
          }),
        ),
    ],
    ['arktype', () => type({ id: type('string').pipe((text) => text.length) })],
  ])('whose result is not described as JSON is refused at once: %s', (_name, schema) => {
    const define = (): unknown =>
      defineEvent('shop.bad', { ...shared, key: () => 'k', versions: { 1: schema() } } as never);
    expect(define).toThrow(InvalidOptionError);
    expect(define).toThrow('versions.1: must describe JSON');
  });

  it('whose result is what it takes works on both sides', () => {
    const Tidy = event('tidy', z.object({ id: z.string().trim().toLowerCase() }) as never);
    expect(encodeData(Tidy, { id: ' A ' })).toEqual({ id: 'a' });
    expect(decodeData(Tidy, 1, { id: 'a' })).toEqual({ id: 'a' });
  });
});

describe('dropping what is not named', () => {
  const closed = (properties: object): SchemaObject => ({ type: 'object', properties });

  it('is not needed where the library sees to it', () => {
    expect(droppingUnknown({ ...closed({ a: {} }), additionalProperties: false })).toBeUndefined();
    expect(droppingUnknown({ type: 'string' })).toBeUndefined();
  });

  it('reaches into arrays, unions, definitions and recursion', () => {
    const drop = droppingUnknown({
      ...closed({
        list: { type: 'array', items: { $ref: '#/$defs/Node' } },
        either: { anyOf: [closed({ a: {} }), closed({ b: {} }), { type: 'null' }] },
      }),
      $defs: { Node: closed({ name: {}, next: { $ref: '#/$defs/Node' } }) },
    });
    expect(
      drop?.({
        list: [{ name: 1, x: 1, next: { name: 2, x: 2 } }],
        either: { a: 1, b: 2, c: 3 },
        other: 1,
      }),
    ).toEqual({ list: [{ name: 1, next: { name: 2 } }], either: { a: 1, b: 2 } });
    expect(drop?.({ either: null })).toEqual({ either: null });
  });

  it('leaves maps, free objects and values of any kind alone', () => {
    const drop = droppingUnknown(
      closed({
        map: { type: 'object', additionalProperties: { type: 'number' } },
        free: { type: 'object' },
        any: {},
        value: { const: { a: 1 } },
      }),
    );
    const value = { map: { a: 1 }, free: { b: { c: 1 } }, any: { d: 1 } };
    expect(drop?.({ ...value, other: 1 })).toEqual(value);
  });

  it('keeps a field called __proto__ from becoming one', () => {
    const drop = droppingUnknown(closed({ a: {} }));
    const dropped = drop?.(JSON.parse('{"a":1,"__proto__":{"admin":true}}')) as object;
    expect(dropped).toEqual({ a: 1 });
    expect((dropped as { admin?: boolean }).admin).toBeUndefined();
  });
});
