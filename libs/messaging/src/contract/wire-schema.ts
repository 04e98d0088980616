import { Containment } from './compatibility/containment.js';
import type { JsonSchema } from './compatibility/json-schema.js';
import type { StandardSchema } from './standard-schema.js';

const made = new WeakMap<StandardSchema, JsonSchema>();

/**
 * The JSON Schema of what crosses the wire: what a schema gives after its transforms and defaults.
 * Made once; `undefined` for libraries that have none.
 *
 * @throws whatever the library throws for data that is not JSON, such as dates or transforms
 */
export function wireSchema(schema: StandardSchema): JsonSchema | undefined {
  const known = made.get(schema);
  if (known !== undefined) return known;
  const written = schema['~standard'].jsonSchema?.output({ target: 'draft-2020-12' });
  if (written !== undefined) made.set(schema, written);
  return written;
}

/** Problems that show that a schema takes something else than it gives. */
const TRANSFORMED: ReadonlySet<string> = new Set(['type', 'otherType', 'null', 'values', 'const']);

/**
 * Where a schema could not read what it writes: a transform, of a text to a number say, that would
 * be applied to its own result.
 */
export function oneWayPlaces(schema: StandardSchema): string[] {
  const { jsonSchema } = schema['~standard'];
  const written = wireSchema(schema);
  if (written === undefined || jsonSchema?.input === undefined) return [];
  const read = jsonSchema.input({ target: 'draft-2020-12' });
  const problems = new Containment(written, read).problems();
  return problems.filter(({ kind }) => TRANSFORMED.has(kind)).map(({ path }) => path);
}
