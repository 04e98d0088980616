import { LineCounter, isNode, parseAllDocuments, type Document } from 'yaml';
import { ConfigDocumentError } from '../config.errors.js';
import { flatten, type PropertySource, type PropertyValue } from './property-source.js';

const ACTIVATION = 'spring.config.activate.on-profile';

/**
 * Reads a YAML (or JSON) file. Each of its documents is a source of its own, the last one first,
 * because later documents win; one that names profiles in `spring.config.activate.on-profile`
 * counts only while one of them is active.
 *
 * @throws ConfigDocumentError with file and line when the text does not parse
 */
export function readYaml(
  text: string,
  name: string,
  profiles: readonly string[] = [],
): PropertySource[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, merge: true });
  if (!Array.isArray(documents)) return [];
  const sources: PropertySource[] = [];
  for (const [index, document] of documents.entries()) {
    const properties = readDocument(document, name, lines);
    if (properties.size === 0 || !isActive(properties, profiles)) continue;
    const label = documents.length > 1 ? `${name} (document #${index})` : name;
    sources.unshift({ name: label, properties });
  }
  return sources;
}

function readDocument(
  document: Document,
  name: string,
  lines: LineCounter,
): Map<string, PropertyValue> {
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    const [reason] = error.message.split(/ at line |\n/);
    throw new ConfigDocumentError(
      line === undefined ? name : `${name}:${line}`,
      `is not YAML: ${reason ?? error.message}`,
      error,
    );
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (error_) {
    throw new ConfigDocumentError(name, `is not YAML: ${(error_ as Error).message}`, error_);
  }
  return flatten(content, name, (path) => {
    const node = document.getIn(path, true);
    if (!isNode(node) || node.range === undefined || node.range === null) return undefined;
    const { line, col } = lines.linePos(node.range[0]);
    return `${line}:${col}`;
  });
}

function isActive(
  properties: ReadonlyMap<string, PropertyValue>,
  profiles: readonly string[],
): boolean {
  const condition = properties.get(ACTIVATION)?.value;
  if (condition === undefined) return true;
  const names = String(condition)
    .split(',')
    .map((each) => each.trim());
  return names.some((each) =>
    each.startsWith('!') ? !profiles.includes(each.slice(1)) : profiles.includes(each),
  );
}
