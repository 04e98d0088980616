import { escapePattern, safePattern } from './safe-pattern.js';

/** What a path pattern found in a path: the variables, as they stand in the URL. */
export type PathVariables = Readonly<Record<string, string>>;

/** A compiled path pattern. */
export interface PathPattern {
  readonly source: string;
  /** The first segment when it is literal: an index over routes needs no more. */
  readonly firstSegment: string | undefined;
  match(path: string): PathVariables | undefined;
}

const VARIABLE = /^\{([A-Za-z_]\w*)(?::(.+))?\}$/;

/**
 * Compiles Spring's path patterns: `/orders/**` (any depth, itself included), `/*` (one segment),
 * `{name}`, `{name:regex}` and, at the end, `{*rest}`.
 *
 * @throws Error when the pattern is none
 */
export function pathPattern(source: string): PathPattern {
  if (!source.startsWith('/')) throw new Error(`'${source}' must begin with /`);
  const segments = source.slice(1).split('/');
  const names: string[] = [];
  const parts = segments.map((segment, i) => part(segment, i === segments.length - 1, names));
  const regex = new RegExp(`^${parts.join('')}$`);
  const first = segments[0]!;
  return {
    source,
    firstSegment: /[*{}]/.test(first) ? undefined : first,
    match(path) {
      const match = regex.exec(path);
      if (match === null) return undefined;
      return Object.fromEntries(names.map((name, i) => [name, match[i + 1] ?? '']));
    },
  };

  function part(segment: string, last: boolean, found: string[]): string {
    if (segment === '**') {
      if (!last) throw new Error(`'${source}' has ** before its end`);
      return '(?:/.*)?';
    }
    const rest = /^\{\*([A-Za-z_]\w*)\}$/.exec(segment);
    if (rest !== null) {
      if (!last) throw new Error(`'${source}' has ${segment} before its end`);
      found.push(rest[1]!);
      return '(/.*)?';
    }
    const variable = VARIABLE.exec(segment);
    if (variable !== null) {
      found.push(variable[1]!);
      return `/(${variable[2] === undefined ? '[^/]+' : segmentOf(variable[2])})`;
    }
    if (/[{}]/.test(segment)) throw new Error(`'${source}' has a brace that closes no variable`);
    return `/${segment.split('*').map(escapePattern).join('[^/]*')}`;
  }
}

/** A variable's own pattern stays within its segment and numbers no groups. */
function segmentOf(pattern: string): string {
  safePattern(pattern);
  if (/\((?!\?:)/.test(pattern)) throw new Error(`'${pattern}' must use (?:...) for groups`);
  return `(?=[^/]+(?:/|$))(?:${pattern})`;
}
