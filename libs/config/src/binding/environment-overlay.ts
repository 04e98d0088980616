import type { Environment } from '@rookery/core';
import type { z } from 'zod';
import { formatPath, relaxed, type Segment } from '../property-source/property-path.js';
import { isMap } from '../property-source/plain-map.js';
import { schemaNode, type SchemaNode } from './schema-node.js';

/** Names that differ from the rule, kept for what every platform sets. */
const ALIASES: Readonly<Record<string, string>> = { 'server.port': 'PORT' };

/** Deepest structure that variables can reach; ends recursion on schemas that hold themselves. */
const MAX_DEPTH = 12;

/** The variable names of a path: `server.drainDelay` is SERVER_DRAIN_DELAY or SERVER_DRAINDELAY. */
export function environmentNames(path: readonly Segment[]): string[] {
  const snake = path.map((each) =>
    String(each)
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/[^A-Za-z0-9]+/g, '_')
      .toUpperCase(),
  );
  const compact = path.map((each) =>
    String(each)
      .replace(/[^A-Za-z0-9]+/g, '')
      .toUpperCase(),
  );
  const alias = ALIASES[formatPath(path)];
  return [
    ...new Set([snake.join('_'), compact.join('_'), ...(alias === undefined ? [] : [alias])]),
  ];
}

/** The value of a path's variable and its name. An empty variable counts as not set. */
export function fromEnvironment(
  path: readonly Segment[],
  environment: Environment,
): { readonly name: string; readonly value: string } | undefined {
  for (const name of environmentNames(path)) {
    const value = environment[name];
    if (value !== undefined && value !== '') return { name, value };
  }
  return undefined;
}

/**
 * Lays environment variables over raw values, as far as the schema gives them a meaning: the
 * schema, not the environment, says which names exist.
 *
 * @param provenance receives the variable that each overlaid path came from
 */
export function overlayEnvironment(
  schema: z.core.$ZodType,
  raw: unknown,
  path: readonly Segment[],
  environment: Environment,
  provenance: Map<string, string>,
): unknown {
  if (path.length > MAX_DEPTH) return raw;
  const node = schemaNode(schema);
  const own = fromEnvironment(path, environment);
  const structured = node.kind === 'map' || node.kind === 'record';
  if (own !== undefined && (!structured || own.value.trim().startsWith('{'))) {
    provenance.set(relaxed(formatPath(path)), `environment ${own.name}`);
    return own.value;
  }
  const overlay = (child: z.core.$ZodType, value: unknown, key: Segment): unknown =>
    overlayEnvironment(child, value, [...path, key], environment, provenance);
  switch (node.kind) {
    case 'map':
      return overlayKeys(raw, Object.entries(node.shape), overlay);
    case 'record': {
      const keys = recordKeys(node.value, raw, path, environment);
      return overlayKeys(
        raw,
        keys.map((key) => [key, node.value] as const),
        overlay,
      );
    }
    case 'list':
      return overlayList(node, raw, path, environment, overlay);
    default:
      return raw;
  }
}

type Overlay = (schema: z.core.$ZodType, value: unknown, key: Segment) => unknown;

function overlayKeys(
  raw: unknown,
  entries: readonly (readonly [string, z.core.$ZodType])[],
  overlay: Overlay,
): unknown {
  const map = isMap(raw) ? raw : {};
  const changed: Record<string, unknown> = {};
  for (const [key, schema] of entries) {
    const before = map[spellingIn(map, key)];
    const after = overlay(schema, before, key);
    if (after !== before) changed[spellingIn(map, key)] = after;
  }
  return Object.keys(changed).length === 0 ? raw : { ...map, ...changed };
}

/** A list is set whole, by `ROUTES_0_ID`, `ROUTES_1_ID`, ..., as a source does. */
function overlayList(
  node: Extract<SchemaNode, { kind: 'list' }>,
  raw: unknown,
  path: readonly Segment[],
  environment: Environment,
  overlay: Overlay,
): unknown {
  const names = Object.keys(environment);
  const isSet = (index: number): boolean =>
    environmentNames([...path, index]).some((prefix) =>
      names.some((name) => name === prefix || name.startsWith(`${prefix}_`)),
    );
  const items: unknown[] = [];
  while (items.length < 1_000 && isSet(items.length)) {
    items.push(overlay(node.element, undefined, items.length));
  }
  return items.some((item) => item !== undefined) ? items : raw;
}

/** Keys of a record that has values already or that variables name: `X_PAYMENTS_URL` is payments. */
function recordKeys(
  value: z.core.$ZodType,
  raw: unknown,
  path: readonly Segment[],
  environment: Environment,
): string[] {
  const keys = isMap(raw) ? Object.keys(raw) : [];
  const known = new Set(keys.flatMap((key) => environmentNames([key])));
  const endings = leafNames(value, 0);
  for (const prefix of environmentNames(path)) {
    for (const name of Object.keys(environment)) {
      if (!name.startsWith(`${prefix}_`)) continue;
      const rest = name.slice(prefix.length + 1);
      const ending = endings.find((each) => each === '' || rest.endsWith(`_${each}`));
      if (ending === undefined) continue;
      const key = ending === '' ? rest : rest.slice(0, -ending.length - 1);
      if (key === '' || !/^[A-Z0-9_]+$/.test(key) || known.has(key)) continue;
      known.add(key);
      keys.push(key.toLowerCase().replace(/_+/g, '-'));
    }
  }
  return keys;
}

/** Variable-name endings of what a schema holds, longest first; `''` for a scalar. */
function leafNames(schema: z.core.$ZodType, depth: number): string[] {
  const node = schemaNode(schema);
  if (node.kind !== 'map') return [''];
  if (depth > MAX_DEPTH) return [];
  const names = Object.entries(node.shape).flatMap(([key, child]) =>
    environmentNames([key]).flatMap((name) =>
      leafNames(child, depth + 1).map((rest) => (rest === '' ? name : `${name}_${rest}`)),
    ),
  );
  return names.sort((a, b) => b.length - a.length);
}

function spellingIn(map: Readonly<Record<string, unknown>>, key: string): string {
  if (Object.hasOwn(map, key)) return key;
  const wanted = relaxed(key);
  return Object.keys(map).find((name) => relaxed(name) === wanted) ?? key;
}
