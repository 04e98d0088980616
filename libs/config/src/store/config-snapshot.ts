import { createHash } from 'node:crypto';
import type { Environment } from '@rookery/core';
import { fromEnvironment } from '../binding/environment-overlay.js';
import { resolvePlaceholders } from '../placeholder/resolve-placeholders.js';
import { formatPath, parsePath, relaxed } from '../property-source/property-path.js';
import type { PropertySource } from '../property-source/property-source.js';
import { mergeSources, valueAt } from '../property-source/property-tree.js';
import { deepFreeze } from './deep-freeze.js';

/** One immutable state of the configuration, environment variables not yet laid over it. */
export interface ConfigSnapshot {
  /** Identifies the values: equal values have equal revisions. */
  readonly revision: string;
  /** What the sources hold together, placeholders resolved, deep-frozen. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Flat key in relaxed form to the source that won, `config/orders.yml:3`. */
  readonly provenance: ReadonlyMap<string, string>;
}

/**
 * Builds a snapshot from sources, the first of which wins. Placeholders see environment variables
 * first, by their own name or by the key's, then all sources.
 *
 * @throws ConfigDocumentError, PlaceholderError
 */
export function createSnapshot(
  sources: readonly PropertySource[],
  environment: Environment,
): ConfigSnapshot {
  const tree = mergeSources(sources);
  const lookup = (name: string): unknown => {
    const variable = environment[name];
    if (variable !== undefined && variable !== '') return variable;
    // A name such as `not a key` can still carry a default.
    if (!/^[\w.[\]-]+$/.test(name)) return undefined;
    const path = parsePath(name, `\${${name}}`);
    return fromEnvironment(path, environment)?.value ?? valueAt(tree.values, path);
  };
  const describe = (key: string): string => {
    const source = tree.provenance.get(relaxed(key));
    return source === undefined ? key : `${key} (${source})`;
  };
  const values = resolvePlaceholders(tree.values, lookup, { describe });
  return deepFreeze({ revision: revisionOf(values), values, provenance: tree.provenance });
}

function revisionOf(values: unknown): string {
  return createHash('sha256').update(canonical(values)).digest('hex').slice(0, 12);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** Flat keys whose values differ between two trees, sorted. */
export function changedKeys(before: unknown, after: unknown): string[] {
  const left = leaves(before);
  const right = leaves(after);
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].filter((key) => left.get(key) !== right.get(key)).sort();
}

function leaves(tree: unknown): Map<string, unknown> {
  const found = new Map<string, unknown>();
  const visit = (node: unknown, path: readonly (string | number)[]): void => {
    if (Array.isArray(node)) node.forEach((item, index) => visit(item, [...path, index]));
    else if (typeof node === 'object' && node !== null) {
      for (const [key, item] of Object.entries(node)) visit(item, [...path, key]);
    } else found.set(formatPath(path), node);
  };
  visit(tree, []);
  return found;
}
