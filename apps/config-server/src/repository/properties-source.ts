import { formatPath, parsePath, type PropertySource, type PropertyValue } from '@rookery/config';

/**
 * Reads a Java properties file: `key = value`, `key: value`, comments with `#` or `!`, lines
 * continued by a backslash, escapes `\t \n \r \f \uXXXX` (java.util.Properties#load).
 *
 * @throws ConfigDocumentError when a key is malformed or forbidden
 */
export function readProperties(text: string, name: string): PropertySource[] {
  const properties = new Map<string, PropertyValue>();
  for (const { line, number } of logicalLines(text)) {
    const separator = /(?<!\\)(?:\\\\)*(?:\s*[=:]\s*|\s+)/.exec(line);
    const end = separator === null ? line.length : separator.index + leading(separator[0]);
    const key = unescape(line.slice(0, end));
    const value = unescape(
      separator === null ? '' : line.slice(separator.index + separator[0].length),
    );
    properties.set(formatPath(parsePath(key, `${name}:${number}`)), {
      value,
      origin: `${number}:1`,
    });
  }
  return properties.size === 0 ? [] : [{ name, properties }];
}

/** Escaped backslashes that the separator's match took with it belong to the key. */
const leading = (match: string): number => /^\\*/.exec(match)?.[0].length ?? 0;

function* logicalLines(text: string): Iterable<{ line: string; number: number }> {
  let pending = '';
  let start = 0;
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.replace(/^[ \t\f]+/, '');
    if (pending === '') {
      if (line === '' || line.startsWith('#') || line.startsWith('!')) continue;
      start = index + 1;
    }
    const isContinued = ((/\\+$/.exec(line)?.[0].length ?? 0) & 1) === 1;
    pending += isContinued ? line.slice(0, -1) : line;
    if (isContinued) continue;
    yield { line: pending, number: start };
    pending = '';
  }
  if (pending !== '') yield { line: pending, number: start };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescape(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|(.))/g,
    (_, code: string | undefined, char: string) =>
      code === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
