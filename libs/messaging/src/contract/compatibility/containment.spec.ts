import { describe, expect, it } from 'vitest';
import { Containment } from './containment.js';
import { changedDefaults, pathsNamed, removedFields } from './field-changes.js';
import type { JsonSchema } from './json-schema.js';
import { directionsOf, pairsOf } from './version-compatibility.js';

const text = { type: 'string' };
const int = { type: 'integer' };
const object = (properties: object): JsonSchema => ({ type: 'object', properties });
/** Not as an object, which would be taken for a promise. */
const condition = JSON.parse(
  '{ "type": "string", "if": { "minLength": 2 }, "then": { "pattern": "^a" } }',
) as JsonSchema & object;

describe('what cannot be proved', () => {
  const unproven = (writer: JsonSchema, reader: JsonSchema): string[] =>
    new Containment(writer, reader).problems().map(({ kind, path }) => `${kind} ${path}`);

  it.each<[string, JsonSchema]>([
    ['a keyword that nobody knows', { type: 'string', isEven: true }],
    ['OpenAPI 3.0, whose nullable is no keyword', { type: 'string', nullable: true }],
    ['not', { type: 'string', not: { const: 'x' } }],
    ['a condition', condition],
    ['a reference into nothing', { $ref: '#/$defs/gone' }],
    ['a reference to another document', { $ref: 'https://example.org/schema.json' }],
    ['a dynamic reference', { $dynamicRef: '#x' }],
  ])('is a problem: %s', (_what, reader) => {
    expect(unproven({ type: 'string' }, reader)).toContain('unproven $');
  });

  it('is none when the writer says the very same', () => {
    const strange = { type: 'string', isEven: true };
    expect(unproven(strange, { ...strange })).toEqual([]);
    expect(
      unproven({ type: 'string', not: { const: 'x' } }, { type: 'string', not: { const: 'x' } }),
    ).toEqual([]);
    expect(unproven(condition, { ...condition })).toEqual([]);
    // Half of a condition is another one.
    expect(unproven({ ...condition, minLength: 1 }, condition)).not.toEqual([]);
  });

  it('is not said of keywords for other types', () => {
    expect(unproven({ type: 'string' }, { type: 'string', contains: { const: 1 } })).toEqual([]);
    expect(unproven({ type: 'array' }, { type: 'array', contains: { const: 1 } })).not.toEqual([]);
  });

  it('is a writer that leads nowhere, or in circles', () => {
    expect(unproven({ $ref: '#/$defs/gone' }, { type: 'string' })).toEqual(['unproven $']);
    expect(unproven({ anyOf: [{ $ref: '#' }] }, { type: 'string' })).toEqual(['unproven $']);
  });

  it('ends, however deep and wide a schema is', () => {
    const wide = {
      allOf: Array.from({ length: 20 }, () => ({ anyOf: [text, int, { type: 'null' }] })),
    };
    expect(unproven(wide, { type: 'string' })).toEqual(['unproven $']);
    let deep: JsonSchema = { type: 'string', maxLength: 1 };
    let other: JsonSchema = { type: 'string', maxLength: 1 };
    for (let level = 0; level < 200; level += 1) {
      deep = { type: 'array', items: deep };
      other = { type: 'array', items: other };
    }
    expect(unproven(deep, other).length).toBe(1);
  });
});

describe('modes', () => {
  it('say which directions count', () => {
    expect(directionsOf('NONE')).toEqual([]);
    expect(directionsOf('BACKWARD')).toEqual(['backward']);
    expect(directionsOf('FORWARD_TRANSITIVE')).toEqual(['forward']);
    expect(directionsOf('FULL')).toEqual(['backward', 'forward']);
  });

  it('compare neighbours, or all when they are transitive', () => {
    expect(pairsOf([1, 2, 3], 'FULL')).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(pairsOf([3, 1, 2], 'FULL_TRANSITIVE')).toEqual([
      [1, 2],
      [1, 3],
      [2, 3],
    ]);
  });
});

describe('fields', () => {
  const schema = object({
    orderId: text,
    total: object({ amount: int }),
    lines: { type: 'array', items: object({ sku: text }) },
  });

  it('are found by the names that handlers use', () => {
    expect(pathsNamed(schema, 'total.amount')).toEqual(['$.total.amount']);
    expect(pathsNamed(schema, 'lines.sku')).toEqual(['$.lines[*].sku']);
    expect(pathsNamed(schema, 'lines.price')).toEqual([]);
  });

  it('are told once when all of a field goes', () => {
    expect(removedFields(schema, object({ orderId: text }))).toEqual(['$.total', '$.lines']);
    expect(changedDefaults(schema, schema)).toEqual([]);
  });
});
