import type { Compatibility } from '../contract.js';
import { Containment } from './containment.js';
import { changedDefaults, removedFields } from './field-changes.js';
import type { JsonSchema } from './json-schema.js';
import { ruleOf, type Direction, type RuleId } from './rules.js';

/** The schemas of one version of a contract. */
export interface VersionSchema {
  /** What writers write. */
  readonly schema: JsonSchema;
  /** What readers take, where that is more: fields with a default may be absent. */
  readonly reads?: JsonSchema | undefined;
}

/** Ids of what {@link compareVersions} may find; those of optional fields and defaults break nobody. */
export type CompatibilityRule = RuleId | 'optional-field-removed' | 'default-changed';

/** One difference between two versions, and whom it breaks. */
export interface CompatibilityFinding {
  readonly rule: CompatibilityRule;
  /** The field, as JSONPath: `$.lines[*].sku`. */
  readonly path: string;
  /** `backward`: the newer version's readers on older data; `forward`: the other way round. */
  readonly direction: Direction;
  /** The version that writes. */
  readonly writer: number;
  /** The version whose readers are hit. */
  readonly reader: number;
  /** Whether such readers fail; otherwise they only miss something. */
  readonly breaking: boolean;
  /** One sentence for people. */
  readonly message: string;
}

/** Compares two versions in one direction: empty means proved to be compatible. */
export function compareVersions(
  older: { readonly version: number } & VersionSchema,
  newer: { readonly version: number } & VersionSchema,
  direction: Direction,
): CompatibilityFinding[] {
  const [writer, reader] = direction === 'backward' ? [older, newer] : [newer, older];
  const sides = { direction, writer: writer.version, reader: reader.version };
  const reads = reader.reads ?? reader.schema;
  const problems = new Containment(writer.schema, reads).problems();
  const findings = problems.map(({ kind, path, detail }): CompatibilityFinding => {
    const rule = ruleOf(kind, direction);
    const message = `${place(path)} of v${writer.version} ${detail}: readers of v${reader.version} fail`;
    return { rule, path, ...sides, breaking: true, message };
  });
  if (direction === 'backward') {
    for (const path of changedDefaults(older.reads ?? older.schema, reads)) {
      const message = `${place(path)} has another default in v${newer.version} than in v${older.version}`;
      findings.push({ rule: 'default-changed', path, ...sides, breaking: false, message });
    }
    return findings;
  }
  const told = new Set(findings.map(({ path }) => path));
  for (const path of removedFields(older.schema, newer.schema)) {
    if (told.has(path)) continue;
    const message = `${place(path)} is no longer in v${newer.version}: readers of v${older.version} miss it`;
    findings.push({ rule: 'optional-field-removed', path, ...sides, breaking: false, message });
  }
  return findings;
}

/** The directions that a mode promises. */
export function directionsOf(mode: Compatibility): readonly Direction[] {
  if (mode.startsWith('FULL')) return ['backward', 'forward'];
  if (mode.startsWith('BACKWARD')) return ['backward'];
  return mode.startsWith('FORWARD') ? ['forward'] : [];
}

/** The pairs of versions that a mode compares: neighbours, or all when it is transitive. */
export function pairsOf(
  versions: readonly number[],
  mode: Compatibility,
): (readonly [older: number, newer: number])[] {
  const sorted = [...versions].sort((a, b) => a - b);
  return sorted.flatMap((newer, at) =>
    sorted
      .slice(mode.endsWith('_TRANSITIVE') ? 0 : Math.max(0, at - 1), at)
      .map((older) => [older, newer] as const),
  );
}

function place(path: string): string {
  return path === '$' ? 'the data' : path.slice(2);
}
