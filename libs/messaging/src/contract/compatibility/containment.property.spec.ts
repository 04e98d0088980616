import type { Random } from '@rookery/core';
import { seededRandom } from '@rookery/core/testing';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { valueFor, NoValueError } from '../samples/schema-value.js';
import { pick } from '../samples/pattern-text.js';
import { Containment } from './containment.js';
import { isObject, type JsonSchema, type SchemaObject } from './json-schema.js';

/** Others' judgement of whether a value fits a schema, with readers open as in the engine. */
function oracle(schema: JsonSchema): ValidateFunction {
  const compiled = ajv.compile(opened(schema) as object);
  ajv.removeSchema();
  return compiled;
}

const ajv = new Ajv2020({ strict: false, validateSchema: false, addUsedSchema: false });
addFormats.default(ajv);

function opened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(opened);
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(key === 'additionalProperties' && value === false))
      .map(([key, value]) => [key, key === 'const' || key === 'enum' ? value : opened(value)]),
  );
}

/** The last is what values for maps begin with. */
const NAMES = ['id', 'name', 'total', 'lines', 'kind', 'field1'];
const PATTERNS = ['^[a-z]{2,4}$', '^[A-Z]{3}$', '^a+$'];
const FORMATS = ['uuid', 'date-time', 'email'];
const chance = (random: Random, share: number): boolean => random() < share;

function randomSchema(random: Random, depth = 0): JsonSchema {
  const leaves = [text, number, flag, list, literal, nothing];
  const nested = [object, object, array, union, tagged, nullable, intersected, map, tuple];
  const make = pick(depth > 2 ? leaves : [...leaves, ...nested], random);
  return make(random, depth);
}

const text = (random: Random): SchemaObject => ({
  type: 'string',
  ...(chance(random, 0.3) ? { minLength: Math.floor(random() * 3) } : {}),
  ...(chance(random, 0.3) ? { maxLength: 3 + Math.floor(random() * 4) } : {}),
  ...pick(
    [
      { pattern: pick(PATTERNS, random) },
      { format: pick(FORMATS, random), maxLength: 90 },
      {},
      {},
      {},
      {},
    ],
    random,
  ),
});
const number = (random: Random): SchemaObject => ({
  type: pick(['number', 'integer'], random),
  ...(chance(random, 0.3) ? { minimum: Math.floor(random() * 4) - 2 } : {}),
  ...(chance(random, 0.2) ? { exclusiveMinimum: Math.floor(random() * 4) - 2 } : {}),
  ...(chance(random, 0.3) ? { maximum: 4 + Math.floor(random() * 4) } : {}),
  ...(chance(random, 0.2) ? { exclusiveMaximum: 5 + Math.floor(random() * 4) } : {}),
  ...(chance(random, 0.15) ? { multipleOf: pick([1, 2, 3], random) } : {}),
});
const flag = (): SchemaObject => ({ type: 'boolean' });
const nothing = (random: Random): JsonSchema => (chance(random, 0.5) ? { type: 'null' } : true);
const list = (random: Random): SchemaObject => ({
  enum: ['a', 'b', 'abc', 1, 2, 5.5, null].filter(() => chance(random, 0.5)).concat('a'),
});
const literal = (random: Random): SchemaObject => ({
  const: pick(['a', 'abc', 7, false, null], random),
});
function object(random: Random, depth: number): SchemaObject {
  const names = NAMES.filter(() => chance(random, 0.5));
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, randomSchema(random, depth + 1)])),
    required: names.filter(() => chance(random, 0.6)),
    ...(chance(random, 0.5) ? { additionalProperties: false } : {}),
    ...(chance(random, 0.1) ? { minProperties: 1 } : {}),
    ...(chance(random, 0.1) ? { maxProperties: 3 } : {}),
  };
}
const map = (random: Random, depth: number): SchemaObject => ({
  type: 'object',
  additionalProperties: randomSchema(random, depth + 1),
  ...(chance(random, 0.5) ? { propertyNames: { type: 'string', pattern: '^[a-z]+$' } } : {}),
});
const array = (random: Random, depth: number): SchemaObject => ({
  type: 'array',
  items: randomSchema(random, depth + 1),
  ...(chance(random, 0.3) ? { minItems: Math.floor(random() * 3) } : {}),
  ...(chance(random, 0.3) ? { maxItems: 2 + Math.floor(random() * 3) } : {}),
  ...(chance(random, 0.1) ? { uniqueItems: true } : {}),
});
const tuple = (random: Random, depth: number): SchemaObject => ({
  type: 'array',
  prefixItems: [randomSchema(random, depth + 1), randomSchema(random, depth + 1)],
  ...(chance(random, 0.5) ? { items: false } : { items: randomSchema(random, depth + 1) }),
  ...(chance(random, 0.5) ? { minItems: 2 } : {}),
});
const union = (random: Random, depth: number): SchemaObject => ({
  [pick(['anyOf', 'oneOf'], random)]: [
    randomSchema(random, depth + 1),
    randomSchema(random, depth + 1),
  ],
});
const tagged = (random: Random, depth: number): SchemaObject => ({
  oneOf: ['card', 'cash', 'bill'].slice(0, 2 + Math.floor(random() * 2)).map((kind) => ({
    type: 'object',
    properties: { kind: { const: kind }, detail: randomSchema(random, depth + 2) },
    required: ['kind'],
    additionalProperties: false,
  })),
});
const nullable = (random: Random, depth: number): SchemaObject => ({
  anyOf: [randomSchema(random, depth + 1), { type: 'null' }],
});
const intersected = (random: Random, depth: number): SchemaObject => ({
  allOf: [object(random, depth + 1), object(random, depth + 1)],
});

/** A schema with one thing about it changed, at any depth. */
function changed(schema: JsonSchema, random: Random, depth = 0): JsonSchema {
  if (typeof schema === 'boolean' || chance(random, 0.06)) return randomSchema(random, depth);
  const keys = Object.keys(schema);
  const key = pick(keys, random);
  const value = schema[key];
  if (isObject(schema.additionalProperties) && chance(random, 0.3)) {
    return { ...schema, properties: { field1: randomSchema(random, 3) } };
  }
  if (chance(random, 0.15)) {
    const { [key]: _, ...rest } = schema;
    return rest;
  }
  if (key === 'properties' && isObject(value)) {
    const name = pick(NAMES, random);
    const inner = value[name] as JsonSchema | undefined;
    const { [name]: _, ...others } = value;
    if (inner !== undefined && chance(random, 0.3)) return { ...schema, properties: others };
    const next = inner === undefined ? randomSchema(random, 3) : changed(inner, random, depth + 1);
    return { ...schema, properties: { ...value, [name]: next } };
  }
  if (key === 'required') return { ...schema, required: NAMES.filter(() => chance(random, 0.4)) };
  if (key === 'items' && value !== false) {
    return { ...schema, items: changed(value as JsonSchema, random, depth + 1) };
  }
  if (key === 'additionalProperties' && isObject(value)) {
    return { ...schema, [key]: changed(value, random, depth + 1) };
  }
  if (/^(anyOf|oneOf|allOf|prefixItems)$/.test(key) && Array.isArray(value)) {
    const index = Math.floor(random() * value.length);
    const parts = value as JsonSchema[];
    if (chance(random, 0.3))
      return { ...schema, [key]: [...parts, randomSchema(random, depth + 2)] };
    const next = parts.map((part, at) => (at === index ? changed(part, random, depth + 1) : part));
    return { ...schema, [key]: next };
  }
  if (typeof value === 'number') {
    return {
      ...schema,
      [key]: Math.max(key === 'multipleOf' ? 1 : 0, value + pick([-1, 1, 2], random)),
    };
  }
  if (key === 'enum' && Array.isArray(value)) {
    return { ...schema, enum: chance(random, 0.5) ? [...value, 'z'] : value.slice(1).concat('a') };
  }
  if (key === 'type' && value === 'integer') return { ...schema, type: 'number' };
  return schema;
}

function randomOf(seed: number): Random {
  return seededRandom(seed);
}

interface Tally {
  pairs: number;
  compatible: number;
  values: number;
  wrong: string[];
  /** Refused pairs for which a value was found that the reader really refuses. */
  refuted: number;
}

function run(seed: number, pairs: number, reader: (w: JsonSchema, r: Random) => JsonSchema): Tally {
  const random = randomOf(seed);
  const tally: Tally = { pairs, compatible: 0, values: 0, wrong: [], refuted: 0 };
  for (let pair = 0; pair < pairs; pair += 1) {
    const writer = randomSchema(random);
    const by = reader(writer, random);
    const compatible = new Containment(writer, by).problems().length === 0;
    if (compatible) tally.compatible += 1;
    const accepts = oracle(by);
    for (let index = 0; index < 12; index += 1) {
      let value: unknown;
      try {
        value = valueFor(writer, { random, optional: random() });
      } catch (error) {
        if (error instanceof NoValueError) continue;
        throw error;
      }
      tally.values += 1;
      if (accepts(value)) continue;
      // `oneOf` of a writer may exclude what one of its alternatives makes.
      if (!oracle(writer)(value)) continue;
      if (!compatible) {
        tally.refuted += 1;
        break;
      }
      tally.wrong.push(JSON.stringify({ writer, reader: by, value, errors: accepts.errors }));
    }
  }
  return tally;
}

// Nothing here waits: all of the time goes into compiling some thousand schemas.
describe('the proof of compatibility, against ajv', { timeout: 60_000 }, () => {
  it('never calls compatible what a value refutes, one change apart', () => {
    const tally = run(11, 700, (writer, random) => changed(writer, random));
    expect(tally.wrong.slice(0, 2)).toEqual([]);
    // Else the test would prove nothing.
    expect(tally.compatible).toBeGreaterThan(150);
    expect(tally.values).toBeGreaterThan(3_000);
    expect(tally.refuted).toBeGreaterThan(100);
  });

  it('never calls compatible what a value refutes, several changes apart', () => {
    const tally = run(12, 400, (writer, random) =>
      changed(changed(changed(writer, random), random), random),
    );
    expect(tally.wrong.slice(0, 2)).toEqual([]);
    expect(tally.compatible).toBeGreaterThan(40);
  });

  it('never calls compatible what a value refutes, of schemas with nothing in common', () => {
    const tally = run(13, 300, (_, random) => randomSchema(random));
    expect(tally.wrong.slice(0, 2)).toEqual([]);
    expect(tally.compatible).toBeGreaterThan(2);
  });

  it('calls every schema compatible with itself, ambiguous oneOf aside', () => {
    const random = randomOf(14);
    for (let index = 0; index < 2_000; index += 1) {
      const schema = randomSchema(random);
      const problems = new Containment(schema, structuredClone(schema)).problems();
      const serious = problems.filter(({ kind }) => kind !== 'ambiguous' && kind !== 'variant');
      expect(serious, JSON.stringify(schema)).toEqual([]);
    }
  });

  it('makes values that fit the schema they are made for', () => {
    const random = randomOf(15);
    let made = 0;
    for (let index = 0; index < 800; index += 1) {
      const schema = randomSchema(random);
      if (JSON.stringify(schema).includes('oneOf')) continue;
      try {
        const value = valueFor(schema, { random });
        made += 1;
        const fits = oracle(schema);
        expect(fits(value), `${JSON.stringify({ schema, value })}`).toBe(true);
      } catch (error) {
        if (!(error instanceof NoValueError)) throw error;
      }
    }
    expect(made).toBeGreaterThan(500);
  });
});
