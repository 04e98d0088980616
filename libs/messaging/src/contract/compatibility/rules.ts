/**
 * Whose reader meets whose data: `backward` is the new version's reader on data of the old one,
 * `forward` the old version's reader on data of the new one.
 */
export type Direction = 'backward' | 'forward';

/**
 * What can go wrong, in terms of one writer and one reader; each with the stable id it has when the
 * reader is the newer of the two, and when it is the older.
 */
export const RULES = {
  absent: ['required-added', 'field-removed'],
  optional: ['field-made-required', 'field-made-optional'],
  type: ['type-narrowed', 'type-widened'],
  otherType: ['type-changed', 'type-changed'],
  null: ['null-removed', 'null-added'],
  enum: ['enum-value-removed', 'enum-value-added'],
  values: ['values-restricted', 'values-unrestricted'],
  const: ['const-changed', 'const-changed'],
  range: ['range-tightened', 'range-loosened'],
  length: ['length-tightened', 'length-loosened'],
  pattern: ['pattern-changed', 'pattern-changed'],
  format: ['format-changed', 'format-changed'],
  itemCount: ['item-count-tightened', 'item-count-loosened'],
  unique: ['uniqueness-added', 'uniqueness-removed'],
  fieldCount: ['field-count-tightened', 'field-count-loosened'],
  fieldNames: ['field-names-tightened', 'field-names-loosened'],
  variant: ['variant-removed', 'variant-added'],
  ambiguous: ['variant-ambiguous', 'variant-ambiguous'],
  never: ['nothing-accepted', 'nothing-accepted'],
  unproven: ['cannot-prove', 'cannot-prove'],
} as const satisfies Record<string, readonly [backward: string, forward: string]>;

/** A kind of problem between a writer and a reader. */
export type ProblemKind = keyof typeof RULES;
/** Stable id of a rule, as tools may rely on it. */
export type RuleId = (typeof RULES)[ProblemKind][number];

/** Something that a writer may write and a reader refuses. */
export interface Problem {
  readonly kind: ProblemKind;
  /** Where, as JSONPath: `$.lines[*].sku`. */
  readonly path: string;
  /** What the reader meets, as the end of a sentence: `may be absent, which the reader requires`. */
  readonly detail: string;
}

/** The id of a problem, seen in one direction. */
export function ruleOf(kind: ProblemKind, direction: Direction): RuleId {
  return RULES[kind][direction === 'backward' ? 0 : 1];
}

/** The path of a field below another. */
export function fieldPath(path: string, field: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(field)
    ? `${path}.${field}`
    : `${path}[${JSON.stringify(field)}]`;
}

/** A value as part of a sentence, not too long. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
