import { PlaceholderError } from '../config.errors.js';

/** Looks a name up; `undefined` when it has no value. */
export type Lookup = (name: string) => unknown;

/** Options of {@link resolvePlaceholders}. */
export interface PlaceholderOptions {
  /** What an error calls the place of a flat key. @default the key */
  readonly describe?: (key: string) => string;
  /** What becomes of a placeholder without value and default. @default 'refuse' */
  readonly missing?: 'refuse' | 'keep';
}

/** Chains longer than this are a mistake even when they end. */
const MAX_DEPTH = 32;
/** Texts that name each other twice a level would grow without end. */
const MAX_LENGTH = 65_536;

interface Scope {
  readonly lookup: Lookup;
  /** What names resolved to: each is worked out once, or doubling chains would never end. */
  readonly resolved: Map<string, unknown>;
  readonly keepMissing: boolean;
}

/**
 * Replaces every `${name}` and `${name:default}` in the texts of a tree; names and defaults may
 * hold placeholders themselves, `\${` stands for a literal `${`. A text that is one placeholder
 * and nothing else takes the type of what it names.
 *
 * @throws PlaceholderError when a name has neither value nor default, or refers to itself
 */
export function resolvePlaceholders<T>(
  tree: T,
  lookup: Lookup,
  { describe = (key) => key, missing = 'refuse' }: PlaceholderOptions = {},
): T {
  const scope: Scope = { lookup, resolved: new Map(), keepMissing: missing === 'keep' };
  const visit = (node: unknown, key: string): unknown => {
    if (typeof node === 'string') return resolveText(node, scope, describe(key), []);
    if (Array.isArray(node)) return node.map((item, index) => visit(item, `${key}[${index}]`));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([name, item]) => [
        name,
        visit(item, key === '' ? name : `${key}.${name}`),
      ]),
    );
  };
  return visit(tree, '') as T;
}

function resolveText(text: string, scope: Scope, place: string, chain: readonly string[]): unknown {
  if (!text.includes('${')) return text;
  let output = '';
  let position = 0;
  while (position < text.length) {
    const start = text.indexOf('${', position);
    if (start < 0) break;
    if (start > 0 && text[start - 1] === '\\') {
      output += `${text.slice(position, start - 1)}\${`;
      position = start + 2;
      continue;
    }
    const end = closingBrace(text, start + 2);
    // An unclosed brace is no placeholder: the text means itself, as in Spring.
    if (end < 0) break;
    const value = resolveOne(text.slice(start + 2, end), scope, place, chain);
    if (start === 0 && end === text.length - 1) return value;
    output += text.slice(position, start) + asText(value, text, place);
    if (output.length > MAX_LENGTH) {
      throw new PlaceholderError(`${place}: placeholders expand to over ${MAX_LENGTH} characters`);
    }
    position = end + 1;
  }
  return output + text.slice(position);
}

function resolveOne(
  expression: string,
  scope: Scope,
  place: string,
  chain: readonly string[],
): unknown {
  const colon = separator(expression);
  const rawName = colon < 0 ? expression : expression.slice(0, colon);
  const name = String(resolveText(rawName, scope, place, chain)).trim();
  if (chain.includes(name)) {
    const circle = [...chain.slice(chain.indexOf(name)), name].join(' -> ');
    throw new PlaceholderError(
      `${place}: the placeholder \${${name}} refers to itself (${circle})`,
    );
  }
  if (chain.length >= MAX_DEPTH) {
    throw new PlaceholderError(`${place}: placeholders nest deeper than ${MAX_DEPTH}`);
  }
  if (scope.resolved.has(name)) return scope.resolved.get(name);
  const found = scope.lookup(name);
  const value =
    typeof found === 'string' ? resolveText(found, scope, place, [...chain, name]) : found;
  if (value !== undefined) {
    scope.resolved.set(name, value);
    return value;
  }
  if (colon >= 0) return resolveText(expression.slice(colon + 1), scope, place, chain);
  if (scope.keepMissing) return `\${${expression}}`;
  throw new PlaceholderError(`${place}: the placeholder \${${name}} has no value and no default`);
}

function asText(value: unknown, text: string, place: string): string {
  if (typeof value !== 'object' || value === null) return String(value);
  throw new PlaceholderError(`${place}: '${text}' mixes text with a map or list`);
}

/** Index of the brace that closes a placeholder whose inside starts at `from`, or -1. */
function closingBrace(text: string, from: number): number {
  let depth = 0;
  for (let index = from; index < text.length; index++) {
    if (text.startsWith('${', index)) depth++;
    else if (text[index] === '}') {
      if (depth === 0) return index;
      depth--;
    }
  }
  return -1;
}

/** Index of the colon that starts the default, outside of nested placeholders, or -1. */
function separator(expression: string): number {
  let depth = 0;
  for (let index = 0; index < expression.length; index++) {
    if (expression.startsWith('${', index)) depth++;
    else if (expression[index] === '}') depth--;
    else if (expression[index] === ':' && depth === 0) return index;
  }
  return -1;
}
