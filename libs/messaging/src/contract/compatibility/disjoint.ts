import { canonical, type JsonSchema } from './json-schema.js';
import type { WriterBranch } from './branch.js';
import { CannotFollow, isOfType, writerBranches, writerFields } from './writer-branch.js';

/** Fields of fields that are looked at for a discriminator. */
const MAX_DEPTH = 3;

/**
 * Whether no value fits both schemas, as with the alternatives of a discriminated union; false also
 * when it is not known.
 *
 * @param rootA what references in `a` refer to
 * @param rootB what references in `b` refer to
 */
export function disjoint(
  rootA: JsonSchema,
  a: JsonSchema,
  b: JsonSchema,
  rootB: JsonSchema = rootA,
  depth = 0,
): boolean {
  if (depth > MAX_DEPTH) return false;
  try {
    const left = writerBranches(rootA, a);
    const right = writerBranches(rootB, b);
    return left.every((one) => right.every((other) => apart(one, rootA, other, rootB, depth)));
  } catch (error) {
    if (error instanceof CannotFollow) return false;
    throw error;
  }
}

function apart(
  a: WriterBranch,
  rootA: JsonSchema,
  b: WriterBranch,
  rootB: JsonSchema,
  depth: number,
): boolean {
  if (!isOfType(a.type, b.type) && !isOfType(b.type, a.type)) return true;
  if (a.values !== undefined && b.values !== undefined) {
    const texts = new Set(a.values.map(canonical));
    if (!b.values.some((value) => texts.has(canonical(value)))) return true;
  }
  if (a.type !== 'object') return false;
  const fieldsA = writerFields(a);
  const fieldsB = writerFields(b);
  const common = [...fieldsA.properties].filter(
    ([name]) =>
      fieldsB.properties.has(name) && (fieldsA.required.has(name) || fieldsB.required.has(name)),
  );
  return common.some(([name, schema]) =>
    disjoint(rootA, schema, fieldsB.properties.get(name) ?? true, rootB, depth + 1),
  );
}
