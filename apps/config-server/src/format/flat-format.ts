import {
  formatPath,
  mergeSources,
  parsePath,
  resolvePlaceholders,
  valueAt,
  type PropertySource,
} from '@rookery/config';
import { stringify } from 'yaml';
import type { Environment } from '../repository/file-repository.js';

/** The forms in which an environment is one document instead of a list of sources. */
export const FLAT_FORMATS = {
  properties: 'text/plain; charset=utf-8',
  yml: 'text/plain; charset=utf-8',
  yaml: 'text/plain; charset=utf-8',
  json: 'application/json; charset=utf-8',
} as const;

/** A key of {@link FLAT_FORMATS}. */
export type FlatFormat = keyof typeof FLAT_FORMATS;

/** What a request for one document names: `orders-development.yml`. */
export interface FlatFile {
  readonly application: string;
  readonly profiles: string;
  readonly format: FlatFormat;
}

/** Reads `<application>-<profiles>.<format>`; the last hyphen counts, so profiles hold none. */
export function parseFlatFile(file: string): FlatFile | undefined {
  const match = /^(.+)-([^-]+)\.(properties|ya?ml|json)$/.exec(file);
  if (match === null) return undefined;
  const [, application = '', profiles = '', format] = match;
  return { application, profiles, format: format as FlatFormat };
}

/** Conditions of documents, which mean nothing once the documents are one. */
const CONDITIONS = ['spring.profiles', 'spring.config.activate.on-profile'];

/**
 * An environment as one document: sources merged, lists taken whole, placeholders filled from the
 * document itself (never from the server's environment); those without a value stay as they are.
 *
 * @throws PlaceholderError when placeholders refer to each other in a circle
 */
export function toFlat(environment: Environment, format: FlatFormat, resolve: boolean): string {
  const tree = mergeSources(environment.propertySources.map(withoutConditions)).values;
  const values = resolve
    ? resolvePlaceholders(tree, (name) => lookUp(tree, name), { missing: 'keep' })
    : tree;
  if (format === 'json') return JSON.stringify(values);
  if (format !== 'properties') return Object.keys(values).length === 0 ? '{}\n' : stringify(values);
  return lines(values, []).sort().join('\n');
}

/** `key: value` lines; unlike documents that people write, keys with dots are one step each. */
function lines(node: unknown, path: readonly (string | number)[]): string[] {
  if (Array.isArray(node)) return node.flatMap((item, index) => lines(item, [...path, index]));
  if (typeof node !== 'object' || node === null) return [`${formatPath(path)}: ${String(node)}`];
  return Object.entries(node).flatMap(([key, item]) => lines(item, [...path, key]));
}

function lookUp(tree: unknown, name: string): unknown {
  return /^[\w.[\]-]+$/.test(name) ? valueAt(tree, parsePath(name, `\${${name}}`)) : undefined;
}

function withoutConditions({ name, properties }: PropertySource): PropertySource {
  const kept = [...properties].filter(([key]) => !CONDITIONS.includes(key));
  return { name, properties: new Map(kept) };
}
