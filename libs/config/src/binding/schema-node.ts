import type { z } from 'zod';

/** What binding needs to know of a zod schema; everything else is zod's own business. */
export type SchemaNode =
  | { readonly kind: 'map'; readonly shape: Readonly<Record<string, z.core.$ZodType>> }
  | { readonly kind: 'record'; readonly value: z.core.$ZodType }
  | { readonly kind: 'list'; readonly element: z.core.$ZodType }
  | { readonly kind: 'union'; readonly options: readonly z.core.$ZodType[] }
  | { readonly kind: 'literal'; readonly values: readonly unknown[] }
  | { readonly kind: 'number' | 'bigint' | 'boolean' | 'string' | 'opaque' };

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly valueType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
  readonly values?: readonly unknown[];
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly getter?: () => z.core.$ZodType;
}

/** The structure of a schema, seen through defaults, optionals, pipes and other wrappers. */
export function schemaNode(schema: z.core.$ZodType): SchemaNode {
  let definition = definitionOf(schema);
  for (let inner = unwrap(definition); inner !== undefined; inner = unwrap(definition)) {
    definition = definitionOf(inner);
  }
  switch (definition.type) {
    case 'object':
      return { kind: 'map', shape: definition.shape ?? {} };
    case 'record':
      return definition.valueType === undefined
        ? { kind: 'opaque' }
        : { kind: 'record', value: definition.valueType };
    case 'array':
      return definition.element === undefined
        ? { kind: 'opaque' }
        : { kind: 'list', element: definition.element };
    case 'union':
      return { kind: 'union', options: definition.options ?? [] };
    case 'literal':
      return { kind: 'literal', values: definition.values ?? [] };
    case 'number':
    case 'int':
      return { kind: 'number' };
    case 'bigint':
    case 'boolean':
    case 'string':
      return { kind: definition.type };
    case 'enum':
    case 'template_literal':
      return { kind: 'string' };
    default:
      return { kind: 'opaque' };
  }
}

function definitionOf(schema: z.core.$ZodType): Definition {
  return schema._zod.def;
}

function unwrap(definition: Definition): z.core.$ZodType | undefined {
  if (definition.type === 'lazy') return definition.getter?.();
  // A preprocess is a pipe whose first part is a function: the structure is in the second.
  if (definition.type === 'pipe' && definition.in !== undefined) {
    return definitionOf(definition.in).type === 'transform' ? definition.out : definition.in;
  }
  return definition.innerType;
}
