import { isSchema, schemaList, type JsonSchema, type SchemaObject } from './json-schema.js';
import type { Containment } from './containment.js';
import type { Problem } from './rules.js';
import { greatest, least } from './scalar-limits.js';
import { every, type WriterBranch } from './branch.js';
import { intersection } from './writer-branch.js';

/** Whether the reader takes the items that a writer of arrays may write. */
export function arrayProblems(
  inner: Containment,
  writer: WriterBranch,
  reader: SchemaObject,
  path: string,
): Problem[] {
  const most = mostItems(writer);
  const problems = countProblems(writer, reader, most, path);
  const first = schemaList(reader.prefixItems);
  first.forEach((schema, index) => {
    if (index >= most) return;
    problems.push(...inner.problems(itemAt(writer, index), schema, `${path}[${index}]`));
  });
  const { items } = reader;
  if (!isSchema(items) || most <= first.length) return problems;
  const listed = longestPrefix(writer);
  for (let index = first.length; index < Math.min(listed, most); index += 1) {
    problems.push(...inner.problems(itemAt(writer, index), items, `${path}[${index}]`));
  }
  if (most > listed) problems.push(...inner.problems(itemAt(writer, listed), items, `${path}[*]`));
  return problems;
}

function countProblems(
  writer: WriterBranch,
  { minItems, maxItems, uniqueItems }: SchemaObject,
  most: number,
  path: string,
): Problem[] {
  const problems: Problem[] = [];
  if (typeof minItems === 'number' && greatest(writer, 'minItems', 0) < minItems) {
    problems.push({ kind: 'itemCount', path, detail: `may have fewer than ${minItems} items` });
  }
  if (typeof maxItems === 'number' && most > maxItems) {
    problems.push({ kind: 'itemCount', path, detail: `may have more than ${maxItems} items` });
  }
  const unique = writer.nodes.some((node) => node.uniqueItems === true);
  if (uniqueItems === true && !unique && most > 1) {
    problems.push({ kind: 'unique', path, detail: 'may have equal items' });
  }
  return problems;
}

/** How many items there can be at most: a schema `false` for one ends the array before it. */
function mostItems(writer: WriterBranch): number {
  const ends = writer.nodes.flatMap((node) => {
    const first = schemaList(node.prefixItems);
    const never = first.indexOf(false);
    if (never >= 0) return [never];
    return node.items === false ? [first.length] : [];
  });
  return Math.min(least(writer, 'maxItems', Infinity), ...ends);
}

function longestPrefix(writer: WriterBranch): number {
  const lengths = every(writer, 'prefixItems', Array.isArray).map(({ length }) => length);
  return Math.max(0, ...lengths);
}

/** What an item of a branch of type `array` is like. */
export function itemAt({ nodes }: WriterBranch, index: number): JsonSchema {
  return nodes
    .map((node): JsonSchema => {
      const own = schemaList(node.prefixItems)[index];
      return own ?? (isSchema(node.items) ? node.items : true);
    })
    .reduce(intersection, true);
}
