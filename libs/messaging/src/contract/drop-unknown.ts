import {
  isObject,
  isSchema,
  resolveReference,
  schemaList,
  schemaMap,
  type JsonSchema,
  type SchemaObject,
} from './compatibility/json-schema.js';

type Drop = (value: unknown) => unknown;

/**
 * Drops the fields that a schema does not name, at any depth, for libraries that keep them. Objects of
 * which the schema says what further fields are like (`additionalProperties`), or names none at all,
 * keep all of theirs.
 *
 * @returns nothing when there is nothing to drop: the library drops or refuses by itself
 */
export function droppingUnknown(schema: JsonSchema): Drop | undefined {
  return leavesFieldsOpen(schema) ? new DropCompiler(schema).of([schema]) : undefined;
}

function leavesFieldsOpen(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(leavesFieldsOpen);
  if (!isObject(schema)) return false;
  if (isObject(schema.properties) && !('additionalProperties' in schema)) return true;
  return Object.values(schema).some(leavesFieldsOpen);
}

/** What the alternatives of a schema say together. */
interface Shape {
  readonly fields: Map<string, JsonSchema[]>;
  readonly items: JsonSchema[];
  /** Whether fields without a name may be meant. */
  open: boolean;
}

class DropCompiler {
  /** By the schemas that are meant, so that recursive ones end. */
  readonly #known = new Map<JsonSchema, Drop>();

  constructor(private readonly root: JsonSchema) {}

  of(schemas: readonly JsonSchema[]): Drop {
    const [only] = schemas;
    if (only === undefined) return (value) => value;
    const known = schemas.length === 1 ? this.#known.get(only) : undefined;
    if (known !== undefined) return known;
    let compiled: Drop | undefined;
    const drop: Drop = (value) => {
      if (typeof value !== 'object' || value === null) return value;
      compiled ??= this.#compile(schemas);
      return compiled(value);
    };
    if (schemas.length === 1) this.#known.set(only, drop);
    return drop;
  }

  #compile(schemas: readonly JsonSchema[]): Drop {
    const shape: Shape = { fields: new Map(), items: [], open: false };
    for (const schema of schemas) this.#collect(schema, shape, new Set());
    const fields = new Map([...shape.fields].map(([name, inner]) => [name, this.of(inner)]));
    const item = this.of(shape.items);
    return (value) => {
      if (Array.isArray(value)) return value.map(item);
      if (!isObject(value)) return value;
      const kept: [string, unknown][] = [];
      for (const [name, inner] of Object.entries(value)) {
        const known = fields.get(name);
        if (known !== undefined) kept.push([name, known(inner)]);
        else if (shape.open) kept.push([name, inner]);
      }
      return Object.fromEntries(kept);
    };
  }

  #collect(schema: JsonSchema, shape: Shape, seen: Set<JsonSchema>): void {
    if (typeof schema === 'boolean') {
      shape.open ||= schema;
      return;
    }
    if (seen.has(schema)) return;
    seen.add(schema);
    const parts = combined(this.root, schema);
    for (const part of parts) this.#collect(part, shape, seen);
    for (const [name, inner] of schemaMap(schema.properties)) {
      shape.fields.set(name, [...(shape.fields.get(name) ?? []), inner]);
    }
    if (isSchema(schema.items)) shape.items.push(schema.items);
    shape.items.push(...schemaList(schema.prefixItems));
    shape.open ||= isOpen(schema, parts.length > 0);
  }
}

function combined(root: JsonSchema, { $ref, allOf, anyOf, oneOf }: SchemaObject): JsonSchema[] {
  const target = typeof $ref === 'string' ? resolveReference(root, $ref) : undefined;
  return [
    ...(target === undefined ? [] : [target]),
    ...[allOf, anyOf, oneOf].flatMap((parts) => [...schemaList(parts)]),
  ];
}

function isOpen(schema: SchemaObject, combines: boolean): boolean {
  const { additionalProperties } = schema;
  if ('patternProperties' in schema) return true;
  if (additionalProperties !== undefined) return additionalProperties !== false;
  if ('properties' in schema || combines || 'const' in schema || 'enum' in schema) return false;
  const { type } = schema;
  return type === undefined || [type].flat().includes('object');
}
