import { ConfigDocumentError } from '../config.errors.js';
import { isMap } from './plain-map.js';
import { parsePath } from './property-path.js';

/** A scalar and, where known, the line and column it was written at. */
export interface PropertyValue {
  readonly value: string | number | boolean;
  /** `line:column`, both from 1. */
  readonly origin?: string | undefined;
}

/** Flat properties with a name, the unit of Spring's model: earlier sources win over later ones. */
export interface PropertySource {
  /** What errors and provenance call it, for example `config-server orders.yml`. */
  readonly name: string;
  readonly properties: ReadonlyMap<string, PropertyValue>;
}

/** No configuration file of a service comes near; YAML aliases that explode do. */
const MAX_PROPERTIES = 20_000;

/**
 * Flattens a document as Spring does: maps to `a.b`, lists to `a[0]`, `null` and empty lists to the
 * empty text.
 *
 * @param originOf where a value was written, asked with the document's own path
 * @throws ConfigDocumentError on forbidden keys, or more than 20,000 properties
 */
export function flatten(
  document: unknown,
  place: string,
  originOf: (path: readonly (string | number)[]) => string | undefined = () => undefined,
): Map<string, PropertyValue> {
  const flat = new Map<string, PropertyValue>();
  const visit = (node: unknown, prefix: string, path: readonly (string | number)[]): void => {
    if (flat.size >= MAX_PROPERTIES) {
      throw new ConfigDocumentError(place, `more than ${MAX_PROPERTIES} properties`);
    }
    if (path.length > 32) throw new ConfigDocumentError(place, 'deeper than 32 levels');
    if (Array.isArray(node) && node.length > 0) {
      node.forEach((item, index) => visit(item, `${prefix}[${index}]`, [...path, index]));
    } else if (isMap(node)) {
      for (const [key, item] of Object.entries(node)) {
        const name = key.startsWith('[') || prefix === '' ? `${prefix}${key}` : `${prefix}.${key}`;
        visit(item, name, [...path, key]);
      }
    } else {
      parsePath(prefix, place);
      flat.set(prefix, { value: scalar(node), origin: originOf(path) });
    }
  };
  if (document === null || document === undefined) return flat;
  if (!isMap(document)) throw new ConfigDocumentError(place, 'the document is not a map of keys');
  visit(document, '', []);
  return flat;
}

function scalar(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (value === null || value === undefined || Array.isArray(value)) return '';
  return value instanceof Date ? value.toISOString() : JSON.stringify(value);
}
