import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JsonSchema } from './json-schema.js';
import { compareVersions } from './version-compatibility.js';

const text = { type: 'string' };
const int = { type: 'integer' };
const object = (properties: object, required: string[] = [], more: object = {}): JsonSchema => ({
  type: 'object',
  properties,
  required,
  ...more,
});
const defs = (ref: object, $defs: object): JsonSchema => ({ ...ref, $defs });

/** `rule path` of what a change from one version to the next breaks, by direction. */
function rules(older: JsonSchema, newer: JsonSchema, direction: 'backward' | 'forward'): string[] {
  const found = compareVersions(
    { version: 1, schema: older },
    { version: 2, schema: newer },
    direction,
  );
  return found.map(({ rule, path }) => `${rule} ${path}`);
}

interface Change {
  readonly what: string;
  readonly from: JsonSchema;
  readonly to: JsonSchema;
  /** New readers, old data. */
  readonly backward?: readonly string[];
  /** Old readers, new data. */
  readonly forward?: readonly string[];
}

const a = object({ a: text }, ['a']);
const CHANGES: readonly Change[] = [
  { what: 'nothing', from: a, to: a },
  {
    what: 'an optional field that is added, though the older model is not closed',
    from: a,
    to: object({ a: text, b: int }, ['a']),
  },
  {
    what: 'a required field that is added',
    from: a,
    to: object({ a: text, b: int }, ['a', 'b']),
    backward: ['required-added $.b'],
  },
  {
    what: 'an optional field that is removed',
    from: object({ a: text, b: int }, ['a']),
    to: a,
    forward: ['optional-field-removed $.b'],
  },
  {
    what: 'a required field that is removed',
    from: object({ a: text, b: int }, ['a', 'b']),
    to: a,
    forward: ['field-removed $.b'],
  },
  {
    what: 'a field that becomes required',
    from: object({ a: text }),
    to: a,
    backward: ['field-made-required $.a'],
  },
  {
    what: 'a field that becomes optional',
    from: a,
    to: object({ a: text }),
    forward: ['field-made-optional $.a'],
  },
  {
    what: 'another type',
    from: object({ a: text }),
    to: object({ a: int }),
    backward: ['type-changed $.a'],
    forward: ['type-changed $.a'],
  },
  {
    what: 'a type that is widened',
    from: object({ a: int }),
    to: object({ a: { type: 'number' } }),
    forward: ['type-widened $.a'],
  },
  {
    what: 'a type that is narrowed',
    from: object({ a: { type: 'number' } }),
    to: object({ a: int }),
    backward: ['type-narrowed $.a'],
  },
  {
    what: 'null that is allowed',
    from: object({ a: text }),
    to: object({ a: { type: ['string', 'null'] } }),
    forward: ['null-added $.a'],
  },
  {
    what: 'null that is no longer allowed, as zod writes it',
    from: object({ a: { anyOf: [text, { type: 'null' }] } }),
    to: object({ a: text }),
    backward: ['null-removed $.a'],
  },
  {
    what: 'a value that is added to an enum',
    from: object({ a: { type: 'string', enum: ['x', 'y'] } }),
    to: object({ a: { type: 'string', enum: ['x', 'y', 'z'] } }),
    forward: ['enum-value-added $.a'],
  },
  {
    what: 'a value that is removed from an enum',
    from: object({ a: { enum: ['x', 'y'] } }),
    to: object({ a: { enum: ['x'] } }),
    backward: ['enum-value-removed $.a'],
  },
  {
    what: 'an enum that becomes any text',
    from: object({ a: { enum: ['x', 'y'] } }),
    to: object({ a: text }),
    forward: ['values-unrestricted $.a'],
  },
  {
    what: 'another const',
    from: object({ a: { const: 1 } }),
    to: object({ a: { const: 2 } }),
    backward: ['const-changed $.a'],
    forward: ['const-changed $.a'],
  },
  {
    what: 'a const that joins an enum',
    from: object({ a: { const: 'x' } }),
    to: object({ a: { enum: ['x', 'y'] } }),
    forward: ['const-changed $.a'],
  },
  {
    what: 'a minimum that rises',
    from: object({ a: { type: 'integer', minimum: 0 } }),
    to: object({ a: { type: 'integer', minimum: 1 } }),
    backward: ['range-tightened $.a'],
  },
  {
    what: 'a minimum that is said otherwise',
    from: object({ a: { type: 'integer', minimum: 1 } }),
    to: object({ a: { type: 'integer', exclusiveMinimum: 0 } }),
  },
  {
    what: 'a maximum that rises',
    from: object({ a: { type: 'number', maximum: 10 } }),
    to: object({ a: { type: 'number', maximum: 11 } }),
    forward: ['range-loosened $.a'],
  },
  {
    what: 'an exclusive maximum in place of one that is not',
    from: object({ a: { type: 'number', maximum: 10 } }),
    to: object({ a: { type: 'number', exclusiveMaximum: 10 } }),
    backward: ['range-tightened $.a'],
  },
  {
    what: 'another multipleOf',
    from: object({ a: { type: 'integer', multipleOf: 4 } }),
    to: object({ a: { type: 'integer', multipleOf: 2 } }),
    forward: ['range-loosened $.a'],
  },
  {
    what: 'a shorter text',
    from: object({ a: { type: 'string', maxLength: 9 } }),
    to: object({ a: { type: 'string', maxLength: 8 } }),
    backward: ['length-tightened $.a'],
  },
  {
    what: 'a text that may be empty',
    from: object({ a: { type: 'string', minLength: 1 } }),
    to: object({ a: text }),
    forward: ['length-loosened $.a'],
  },
  {
    what: 'a pattern',
    from: object({ a: { type: 'string', pattern: '^a$' } }),
    to: object({ a: { type: 'string', pattern: '^b$' } }),
    backward: ['pattern-changed $.a'],
    forward: ['pattern-changed $.a'],
  },
  {
    what: 'values of which each fits the pattern',
    from: object({ a: { enum: ['ab', 'abc'] } }),
    to: object({ a: { type: 'string', pattern: '^ab', minLength: 2 } }),
    forward: ['values-unrestricted $.a'],
  },
  {
    what: 'a format that is asked for',
    from: object({ a: text }),
    to: object({ a: { type: 'string', format: 'uuid' } }),
    backward: ['format-changed $.a'],
  },
  {
    what: 'items of arrays',
    from: object({ a: { type: 'array', items: object({ b: int }, ['b']) } }),
    to: object({ a: { type: 'array', items: object({ b: int }) } }),
    forward: ['field-made-optional $.a[*].b'],
  },
  {
    what: 'how many items there are',
    from: object({ a: { type: 'array', items: int, minItems: 1 } }),
    to: object({ a: { type: 'array', items: int, maxItems: 5 } }),
    backward: ['item-count-tightened $.a'],
    forward: ['item-count-loosened $.a'],
  },
  {
    what: 'items that must differ',
    from: object({ a: { type: 'array', items: int } }),
    to: object({ a: { type: 'array', items: int, uniqueItems: true } }),
    backward: ['uniqueness-added $.a'],
  },
  {
    what: 'a place in a tuple',
    from: { type: 'array', prefixItems: [text, int], items: false, minItems: 2 },
    to: { type: 'array', prefixItems: [text, text], items: false, minItems: 2 },
    backward: ['type-changed $[1]'],
    forward: ['type-changed $[1]'],
  },
  {
    what: 'a tuple that gets longer',
    from: { type: 'array', prefixItems: [text], items: false },
    to: { type: 'array', prefixItems: [text, int], items: false },
    forward: ['nothing-accepted $[1]'],
  },
  {
    what: 'a field deep inside',
    from: object({ a: object({ b: object({ c: text }, ['c']) }, ['b']) }, ['a']),
    to: object({ a: object({ b: object({ c: int }, ['c']) }, ['b']) }, ['a']),
    backward: ['type-changed $.a.b.c'],
    forward: ['type-changed $.a.b.c'],
  },
  {
    what: 'a variant that is added to a discriminated union',
    from: { oneOf: [object({ kind: { const: 'a' } }, ['kind'])] },
    to: {
      oneOf: [
        object({ kind: { const: 'a' } }, ['kind']),
        object({ kind: { const: 'b' } }, ['kind']),
      ],
    },
    forward: ['variant-added $'],
  },
  {
    what: 'a variant that is removed from a discriminated union of three',
    from: { oneOf: ['a', 'b', 'c'].map((kind) => object({ kind: { const: kind } }, ['kind'])) },
    to: { oneOf: ['a', 'b'].map((kind) => object({ kind: { const: kind } }, ['kind'])) },
    backward: ['variant-removed $'],
  },
  {
    what: 'a field of one variant',
    from: {
      oneOf: [
        object({ kind: { const: 'a' }, n: int }, ['kind', 'n']),
        object({ kind: { const: 'b' } }, ['kind']),
      ],
    },
    to: {
      oneOf: [
        object({ kind: { const: 'a' }, n: text }, ['kind', 'n']),
        object({ kind: { const: 'b' } }, ['kind']),
      ],
    },
    backward: ['type-changed $.n'],
    forward: ['type-changed $.n'],
  },
  {
    what: 'a type that becomes a union',
    from: object({ a: text }),
    to: object({ a: { anyOf: [text, int] } }),
    forward: ['type-changed $.a'],
  },
  {
    what: 'oneOf whose alternatives overlap',
    from: object({ a: int }),
    to: object({ a: { oneOf: [int, { type: 'number' }] } }),
    backward: ['variant-ambiguous $.a'],
    forward: ['type-widened $.a'],
  },
  {
    what: 'a definition in place of what it defines',
    from: object({ a: object({ b: int }, ['b']) }),
    to: defs(object({ a: { $ref: '#/$defs/A' } }) as object, { A: object({ b: int }, ['b']) }),
  },
  {
    what: 'what is behind a definition',
    from: defs(object({ a: { $ref: '#/$defs/A' } }) as object, { A: text }),
    to: defs(object({ a: { $ref: '#/$defs/A' } }) as object, { A: int }),
    backward: ['type-changed $.a'],
    forward: ['type-changed $.a'],
  },
  {
    what: 'a recursive schema with itself',
    from: object({ children: { type: 'array', items: { $ref: '#' } } }),
    to: object({ children: { type: 'array', items: { $ref: '#' } } }),
  },
  {
    what: 'a recursive schema that gets a required field',
    from: object({ next: { $ref: '#' } }),
    to: object({ next: { $ref: '#' }, id: int }, ['id']),
    backward: ['required-added $.id', 'required-added $.next.id'],
  },
  {
    what: 'values of a map',
    from: { type: 'object', additionalProperties: int },
    to: { type: 'object', additionalProperties: { type: 'number' } },
    forward: ['type-widened $.*'],
  },
  {
    what: 'a name in a map, which might have been used already',
    from: { type: 'object', properties: {}, additionalProperties: int },
    to: { type: 'object', properties: { a: text }, additionalProperties: int },
    backward: ['type-changed $.a'],
    forward: ['type-changed $.a'],
  },
  {
    what: 'names in a map',
    from: { type: 'object', additionalProperties: int, propertyNames: { type: 'string' } },
    to: { type: 'object', additionalProperties: int, propertyNames: { enum: ['a'] } },
    backward: ['field-names-tightened $'],
  },
  {
    what: 'fields by pattern',
    from: { type: 'object', patternProperties: { '^n_': int }, additionalProperties: false },
    to: { type: 'object', patternProperties: { '^n_': text }, additionalProperties: false },
    backward: ['type-changed $.*'],
    forward: ['type-changed $.*'],
  },
  {
    what: 'how many fields there are',
    from: object({ a: int, b: int }, ['a']),
    to: object({ a: int, b: int }, ['a'], { minProperties: 2, maxProperties: 2 }),
    backward: ['field-count-tightened $'],
  },
  {
    what: 'an intersection with what it says',
    from: { allOf: [object({ a: int }, ['a']), object({ b: int }, ['b'])] },
    to: object({ a: int, b: int }, ['a', 'b']),
  },
  {
    what: 'fields that are named like keywords of objects',
    from: object({ constructor: text, __proto__x: text, 'a.b': int }, ['constructor']),
    to: object({ constructor: int, __proto__x: text, 'a.b': text }, ['constructor']),
    backward: ['type-changed $.constructor', 'type-changed $["a.b"]'],
    forward: ['type-changed $.constructor', 'type-changed $["a.b"]'],
  },
  {
    what: 'a default',
    from: object({ a: { type: 'string', default: 'x' } }),
    to: object({ a: { type: 'string', default: 'y' } }),
    backward: ['default-changed $.a'],
  },
];

describe('a change of a contract', () => {
  it.each(CHANGES)('of $what', ({ from, to, backward = [], forward = [] }) => {
    expect(rules(from, to, 'backward')).toEqual(backward);
    expect(rules(from, to, 'forward')).toEqual(forward);
  });

  it('is told in a sentence', () => {
    const [found] = compareVersions(
      { version: 1, schema: a },
      { version: 2, schema: object({}) },
      'forward',
    );
    expect(found).toEqual({
      rule: 'field-removed',
      path: '$.a',
      direction: 'forward',
      writer: 2,
      reader: 1,
      breaking: true,
      message: 'a of v2 is not written, and the reader needs it: readers of v1 fail',
    });
  });

  it('is judged by what readers take, not by what writers write: defaults fill what is absent', () => {
    const currency = z.object({ a: z.string(), currency: z.string().default('EUR') });
    const standard = currency['~standard'].jsonSchema;
    const older = z.object({ a: z.string() })['~standard'].jsonSchema;
    const target = { target: 'draft-2020-12' } as const;
    const newer = {
      version: 2,
      schema: standard.output(target) as JsonSchema,
      reads: standard.input(target) as JsonSchema,
    };
    const v1 = { version: 1, schema: older.output(target) as JsonSchema };
    expect(compareVersions(v1, newer, 'backward').filter(({ breaking }) => breaking)).toEqual([]);
    expect(compareVersions(v1, newer, 'forward')).toEqual([]);
  });
});
