import type { z } from 'zod';
import { isMap } from '../property-source/plain-map.js';
import { relaxed } from '../property-source/property-path.js';
import { schemaNode } from './schema-node.js';

/**
 * Brings raw configuration into the form that a schema expects: keys in the schema's spelling,
 * texts as numbers, booleans and lists where the schema wants those. What does not fit is left as
 * it is, for the schema to refuse.
 */
export function normalise(schema: z.core.$ZodType, raw: unknown): unknown {
  if (raw === undefined) return undefined;
  const node = schemaNode(schema);
  switch (node.kind) {
    case 'map':
      return isMap(raw) ? normaliseMap(node.shape, raw) : parsed(raw, '{');
    case 'record': {
      const map = parsed(raw, '{');
      if (!isMap(map)) return map;
      const entries = Object.entries(map);
      return Object.fromEntries(entries.map(([key, item]) => [key, normalise(node.value, item)]));
    }
    case 'list': {
      const list = asList(raw);
      return Array.isArray(list) ? list.map((item) => normalise(node.element, item)) : list;
    }
    case 'union':
      return normaliseUnion(node.options, raw);
    case 'number':
      return asNumber(raw);
    case 'bigint':
      return typeof raw === 'number' || (typeof raw === 'string' && /^-?\d+$/.test(raw.trim()))
        ? BigInt(raw)
        : raw;
    case 'boolean':
      return asBoolean(raw);
    case 'string':
      return typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : raw;
    case 'literal':
      return typeof raw === 'string'
        ? (node.values.find((value) => String(value) === raw) ?? raw)
        : raw;
    case 'opaque':
      return raw;
  }
}

function normaliseMap(
  shape: Readonly<Record<string, z.core.$ZodType>>,
  raw: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const spelling = new Map(Object.keys(shape).map((key) => [relaxed(key), key]));
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(raw)) {
    const name = Object.hasOwn(shape, key) ? key : (spelling.get(relaxed(key)) ?? key);
    const schema = Object.hasOwn(shape, name) ? shape[name] : undefined;
    result[name] = schema === undefined ? item : normalise(schema, item);
  }
  return result;
}

function normaliseUnion(options: readonly z.core.$ZodType[], raw: unknown): unknown {
  for (const option of options) {
    const candidate = normalise(option, raw);
    if (accepts(option, candidate)) return candidate;
  }
  return raw;
}

function accepts(schema: z.core.$ZodType, value: unknown): boolean {
  const check = (schema as Partial<z.ZodType>).safeParse;
  return check?.(value).success ?? false;
}

function asNumber(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw;
  const text = raw.trim();
  if (text === '') return undefined;
  return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : raw;
}

function asBoolean(raw: unknown): unknown {
  if (typeof raw !== 'string') return raw;
  const text = raw.trim().toLowerCase();
  if (text === '') return undefined;
  if (['true', 'yes', 'on'].includes(text)) return true;
  return ['false', 'no', 'off'].includes(text) ? false : raw;
}

function asList(raw: unknown): unknown {
  if (Array.isArray(raw)) return raw;
  if (typeof raw === 'number' || typeof raw === 'boolean') return [raw];
  if (typeof raw !== 'string') return raw;
  const text = raw.trim();
  if (text === '') return [];
  const json = parsed(text, '[');
  return Array.isArray(json) ? json : text.split(',').map((item) => item.trim());
}

/** JSON in a text that opens as such; the empty text is nothing; anything else is itself. */
function parsed(raw: unknown, opening: '{' | '['): unknown {
  if (typeof raw !== 'string') return raw;
  const text = raw.trim();
  if (text === '') return undefined;
  if (!text.startsWith(opening)) return raw;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return raw;
  }
}
