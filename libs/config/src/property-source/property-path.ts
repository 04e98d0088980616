import { ConfigDocumentError } from '../config.errors.js';

/** One step of a path into a tree: a key of a map or an index of a list. */
export type Segment = string | number;

/** Names that reach into prototypes; no configuration needs them. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);
/** A flat key like `a[999999999]` must not make a list of a billion holes. */
const MAX_INDEX = 9_999;
const MAX_DEPTH = 32;

const TOKEN = /([^.[\]]+)|\[(\d+)\]|\[([^\]]+)\]|(\.)/y;

/**
 * The segments of a flat key in Spring's notation: `routes[0].id`, and `map[any.key]` for keys that
 * hold dots.
 *
 * @param place named in errors
 * @throws ConfigDocumentError when the key is malformed, forbidden or absurdly deep
 */
export function parsePath(key: string, place: string): Segment[] {
  const segments: Segment[] = [];
  let expectsName = true;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < key.length) {
    const match = TOKEN.exec(key);
    if (match === null || (match[4] !== undefined && expectsName)) throw malformed(key, place);
    if (match[4] !== undefined) {
      expectsName = true;
      continue;
    }
    if (match[1] !== undefined && !expectsName) throw malformed(key, place);
    if (match[2] !== undefined) {
      const index = Number(match[2]);
      if (index > MAX_INDEX) {
        throw new ConfigDocumentError(place, `${key}: index ${match[2]} is above ${MAX_INDEX}`);
      }
      segments.push(index);
    } else {
      segments.push(safeKey(match[1] ?? match[3] ?? '', key, place));
    }
    expectsName = false;
    if (segments.length > MAX_DEPTH) {
      throw new ConfigDocumentError(place, `${key.slice(0, 80)}: deeper than ${MAX_DEPTH} levels`);
    }
  }
  if (segments.length === 0 || expectsName) throw malformed(key, place);
  return segments;
}

/** The flat key of a path, the inverse of {@link parsePath}. */
export function formatPath(segments: readonly PropertyKey[]): string {
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/[.[\]]/.test(String(segment))) text += `[${String(segment)}]`;
    else text += `${text === '' ? '' : '.'}${String(segment)}`;
  }
  return text;
}

/**
 * A key as relaxed binding compares it: `drain-delay`, `drain_delay` and `drainDelay` are one.
 */
export function relaxed(key: string): string {
  return key.toLowerCase().replace(/[-_]/g, '');
}

function safeKey(segment: string, key: string, place: string): string {
  if (FORBIDDEN.has(segment)) {
    throw new ConfigDocumentError(place, `${key}: the key '${segment}' is forbidden`);
  }
  return segment;
}

function malformed(key: string, place: string): ConfigDocumentError {
  return new ConfigDocumentError(place, `'${key.slice(0, 80)}' is not a property key`);
}
