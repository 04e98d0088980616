/** A schema of JSON Schema, draft 2020-12. */
export type JsonSchema = boolean | SchemaObject;
/** A schema that is not just `true` or `false`. */
export interface SchemaObject {
  readonly [keyword: string]: unknown;
}

/** The types of JSON Schema; whole numbers are numbers as well. */
export type JsonType = 'null' | 'boolean' | 'string' | 'integer' | 'number' | 'array' | 'object';

/** Keywords that say nothing about which values are valid. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$comment',
  '$anchor',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'contentEncoding',
  'contentMediaType',
  'contentSchema',
  'id',
]);

/** Whether a keyword says nothing about which values are valid. */
export function isAnnotation(keyword: string): boolean {
  return ANNOTATIONS.has(keyword) || keyword.startsWith('x-') || keyword.startsWith('~');
}

/** Whether a value can be a schema. */
export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || isObject(value);
}

/** Whether a value is an object and no array. */
export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The schemas in a keyword that holds a list of them. */
export function schemaList(value: unknown): readonly JsonSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/** The schemas in a keyword that holds them by name. */
export function schemaMap(value: unknown): ReadonlyMap<string, JsonSchema> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return new Map(entries.filter((entry): entry is [string, JsonSchema] => isSchema(entry[1])));
}

/**
 * What a reference within a document points to; `undefined` when it points nowhere, or outside.
 * JSON Pointers as of RFC 6901, and anchors.
 */
export function resolveReference(root: JsonSchema, reference: string): JsonSchema | undefined {
  if (!reference.startsWith('#')) return undefined;
  const pointer = safeDecode(reference.slice(1));
  if (pointer === '') return root;
  if (!pointer.startsWith('/')) return anchored(root, pointer);
  let at: unknown = root;
  for (const part of pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return isSchema(at) ? at : undefined;
}

function anchored(at: unknown, name: string): JsonSchema | undefined {
  if (typeof at !== 'object' || at === null) return undefined;
  if (isObject(at) && at.$anchor === name) return at;
  for (const inner of Object.values(at)) {
    const found = anchored(inner, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One text per JSON value: the order of keys does not matter. Also the order that lock files use. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value));
}

/** The value with the keys of all its objects in order. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  // Not by assignment: a field may be called __proto__.
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** Whether two values are the same JSON. */
export function sameJson(a: unknown, b: unknown): boolean {
  return a === b || canonical(a) === canonical(b);
}

/** The type of a value, as precise as JSON Schema can say it. */
export function typeOfValue(value: unknown): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  if (typeof value === 'boolean' || typeof value === 'string') return typeof value as JsonType;
  return 'object';
}
