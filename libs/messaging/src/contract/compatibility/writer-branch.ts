import {
  canonical,
  isObject,
  isSchema,
  resolveReference,
  schemaList,
  schemaMap,
  typeOfValue,
  type JsonSchema,
  type JsonType,
  type SchemaObject,
} from './json-schema.js';
import type { WriterBranch } from './branch.js';
import { matches } from './pattern.js';
import { valueShortfalls } from './scalar-limits.js';

/** More alternatives than this are not followed. */
const MAX_BRANCHES = 512;

const ALL_TYPES: readonly JsonType[] = ['null', 'boolean', 'string', 'number', 'array', 'object'];

/** A schema has more alternatives, or refers to itself in a way, that cannot be followed. */
export class CannotFollow extends Error {}

/**
 * All alternatives of a writer's schema. Each value the writer may write belongs to one at least:
 * what is not understood (`not`, conditions) is left out, which only makes the branches larger.
 *
 * @throws CannotFollow
 */
export function writerBranches(root: JsonSchema, schema: JsonSchema): WriterBranch[] {
  return conjunctions(root, schema, []).flatMap(typed);
}

/** The schema as alternatives of nodes that hold together, none with a combining keyword. */
function conjunctions(
  root: JsonSchema,
  schema: JsonSchema,
  following: readonly string[],
): SchemaObject[][] {
  if (schema === false) return [];
  if (schema === true) return [[]];
  const { $ref, allOf, anyOf, oneOf, ...own } = schema;
  let result: SchemaObject[][] = [[own]];
  const and = (alternatives: SchemaObject[][]): void => {
    if (result.length * alternatives.length > MAX_BRANCHES) {
      throw new CannotFollow('has too many alternatives');
    }
    result = result.flatMap((left) => alternatives.map((right) => [...left, ...right]));
  };
  if (typeof $ref === 'string') {
    const target = resolveReference(root, $ref);
    if (target === undefined) throw new CannotFollow(`refers to ${$ref}, which is not there`);
    if (following.includes($ref)) throw new CannotFollow(`refers to itself by ${$ref}`);
    and(conjunctions(root, target, [...following, $ref]));
  }
  for (const part of schemaList(allOf)) and(conjunctions(root, part, following));
  for (const union of [anyOf, oneOf]) {
    if (!Array.isArray(union)) continue;
    and(schemaList(union).flatMap((part) => conjunctions(root, part, following)));
  }
  return result;
}

/** Splits nodes that hold together by the types their values may have. */
function typed(nodes: readonly SchemaObject[]): WriterBranch[] {
  const values = listedValues(nodes);
  const types = possibleTypes(nodes);
  if (values === undefined) return types.map((type) => ({ type, values, nodes }));
  const byType = new Map<JsonType, unknown[]>();
  for (const value of values) {
    const type = typeOfValue(value);
    if (!types.some((allowed) => isOfType(type, allowed))) continue;
    if (nodes.some((node) => valueShortfalls(value, node).length > 0)) continue;
    byType.set(type, [...(byType.get(type) ?? []), value]);
  }
  return [...byType].map(([type, some]) => ({ type, values: some, nodes }));
}

/** Whether a value of one type is also of another. */
export function isOfType(type: JsonType, allowed: JsonType): boolean {
  return type === allowed || (type === 'integer' && allowed === 'number');
}

/** The types a node names; all when it names none. */
export function namedTypes({ type }: SchemaObject): readonly JsonType[] {
  if (typeof type === 'string') return [type as JsonType];
  return Array.isArray(type) ? (type as JsonType[]) : ALL_TYPES;
}

function possibleTypes(nodes: readonly SchemaObject[]): JsonType[] {
  let types: JsonType[] = [...ALL_TYPES];
  for (const node of nodes) {
    const named = namedTypes(node);
    const both = types.flatMap((type) =>
      named.flatMap((other) => {
        if (isOfType(type, other)) return [type];
        return isOfType(other, type) ? [other] : [];
      }),
    );
    types = [...new Set(both)];
  }
  // A number or whole number is a number.
  return types.filter((type) => type !== 'integer' || !types.includes('number'));
}

function listedValues(nodes: readonly SchemaObject[]): readonly unknown[] | undefined {
  let values: readonly unknown[] | undefined;
  const keep = (allowed: readonly unknown[]): void => {
    const texts = new Set(allowed.map(canonical));
    values = values === undefined ? allowed : values.filter((each) => texts.has(canonical(each)));
  };
  for (const node of nodes) {
    if ('const' in node) keep([node.const]);
    if (Array.isArray(node.enum)) keep(node.enum as unknown[]);
    if (node.type === 'null') keep([null]);
    if (node.type === 'boolean') keep([true, false]);
  }
  return values;
}

/** What is known of the fields of a branch of type `object`. */
export interface WriterFields {
  readonly properties: ReadonlyMap<string, JsonSchema>;
  readonly required: ReadonlySet<string>;
  /** What fields without a name are like; `undefined` when there are none: the writer is closed. */
  readonly additional: JsonSchema | undefined;
  readonly patterns: ReadonlyMap<string, JsonSchema>;
}

/**
 * The fields of a branch. Writers are closed: fields that a schema does not name are not written,
 * unless it says what they are like, or names no fields at all.
 */
export function writerFields({ nodes }: WriterBranch): WriterFields {
  const properties = new Map<string, JsonSchema>();
  const patterns = new Map<string, JsonSchema>();
  const required = new Set<string>();
  const additional: JsonSchema[] = [];
  for (const node of nodes) {
    join(properties, schemaMap(node.properties));
    join(patterns, schemaMap(node.patternProperties));
    if (Array.isArray(node.required)) node.required.forEach((name) => required.add(String(name)));
    const others = node.additionalProperties;
    if (isSchema(others) && others !== false) additional.push(others);
  }
  if (!nodes.some(namesFields)) additional.push(true);
  for (const node of nodes) limitByOthers(properties, node);
  return { properties, patterns, required, additional: both(additional) };
}

/** A schema that says nothing of any field, not even that there are none, stands for any object. */
export function namesFields(node: SchemaObject): boolean {
  return 'properties' in node || 'patternProperties' in node || 'additionalProperties' in node;
}

/** What a node says of fields it does not name holds for those that other nodes name. */
function limitByOthers(properties: Map<string, JsonSchema>, node: SchemaObject): void {
  const others = node.additionalProperties;
  if (!isObject(others)) return;
  const own = schemaMap(node.properties);
  const patterns = [...schemaMap(node.patternProperties).keys()];
  for (const [name, schema] of properties) {
    if (own.has(name) || patterns.some((pattern) => matches(pattern, name))) continue;
    properties.set(name, intersection(schema, others));
  }
}

function join(into: Map<string, JsonSchema>, more: ReadonlyMap<string, JsonSchema>): void {
  for (const [name, schema] of more) {
    const known = into.get(name);
    into.set(name, known === undefined ? schema : intersection(known, schema));
  }
}

function both(schemas: readonly JsonSchema[]): JsonSchema | undefined {
  return schemas.length === 0 ? undefined : schemas.reduce(intersection);
}

const intersections = new WeakMap<SchemaObject, WeakMap<SchemaObject, SchemaObject>>();

/** The same object for the same two, so that recursive schemas are recognized. */
export function intersection(a: JsonSchema, b: JsonSchema): JsonSchema {
  if (a === false || b === false) return false;
  if (a === true || a === b) return b;
  if (b === true || !isObject(a) || !isObject(b)) return a;
  const ofA = intersections.get(a) ?? new WeakMap<SchemaObject, SchemaObject>();
  intersections.set(a, ofA);
  const made = ofA.get(b) ?? { allOf: [a, b] };
  ofA.set(b, made);
  return made;
}
