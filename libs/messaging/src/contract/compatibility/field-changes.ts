import {
  isSchema,
  resolveReference,
  schemaList,
  schemaMap,
  type JsonSchema,
} from './json-schema.js';
import { fieldPath } from './rules.js';

/** Recursive schemas are followed this deep. */
const MAX_DEPTH = 12;

/** The fields that a schema names, by JSONPath, with the schema of each. */
export function fieldsOf(schema: JsonSchema): ReadonlyMap<string, JsonSchema> {
  const fields = new Map<string, JsonSchema>();
  collect(schema, schema, '$', 0, fields);
  return fields;
}

function collect(
  root: JsonSchema,
  schema: unknown,
  path: string,
  depth: number,
  into: Map<string, JsonSchema>,
): void {
  if (!isSchema(schema) || typeof schema === 'boolean' || depth > MAX_DEPTH) return;
  const within = (inner: unknown, at: string): void => collect(root, inner, at, depth + 1, into);
  if (typeof schema.$ref === 'string') within(resolveReference(root, schema.$ref), path);
  for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
    for (const part of schemaList(schema[keyword])) within(part, path);
  }
  for (const [name, field] of schemaMap(schema.properties)) {
    const at = fieldPath(path, name);
    into.set(at, field);
    within(field, at);
  }
  within(schema.additionalProperties, `${path}.*`);
  within(schema.items, `${path}[*]`);
  schemaList(schema.prefixItems).forEach((item, index) => within(item, `${path}[${index}]`));
}

/** Fields of one schema that another does not name; of those within such a field, only the field. */
export function removedFields(older: JsonSchema, newer: JsonSchema): string[] {
  const left = fieldsOf(newer);
  const gone = [...fieldsOf(older).keys()].filter((path) => !left.has(path));
  return gone.filter((path) => !gone.some((other) => path !== other && isWithin(path, other)));
}

/** Fields that both name with another `default`. */
export function changedDefaults(older: JsonSchema, newer: JsonSchema): string[] {
  const now = fieldsOf(newer);
  return [...fieldsOf(older)].flatMap(([path, schema]) => {
    const other = now.get(path);
    if (other === undefined) return [];
    return JSON.stringify(defaultOf(schema)) === JSON.stringify(defaultOf(other)) ? [] : [path];
  });
}

function defaultOf(schema: JsonSchema): unknown {
  return typeof schema === 'boolean' ? undefined : schema.default;
}

/** Whether a path is the other, or leads further from it. */
export function isWithin(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}.`) || path.startsWith(`${other}[`);
}

/** The fields of a dotted name such as `lines.sku` as JSONPaths: items of arrays are looked into. */
export function pathsNamed(schema: JsonSchema, dotted: string): string[] {
  const plain = (path: string): string => path.slice(2).replace(/\[(\*|\d+)\]/g, '');
  return [...fieldsOf(schema).keys()].filter((path) => plain(path) === dotted);
}
