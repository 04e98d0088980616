import type { SchemaObject } from './json-schema.js';
import { matches } from './pattern.js';
import { quoted, type ProblemKind } from './rules.js';
import { every, type WriterBranch } from './branch.js';

/** What a reader's keyword demands and the writer does not promise. */
export interface Shortfall {
  readonly kind: ProblemKind;
  readonly detail: string;
}

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isText = (value: unknown): value is string => typeof value === 'string';

/** The lowest or highest number of a branch, and whether it is excluded itself. */
interface Bound {
  readonly at: number;
  readonly open: boolean;
}

/** What the keywords of a reader for numbers demand beyond what the writer promises. */
export function numberShortfalls(writer: WriterBranch, reader: SchemaObject): Shortfall[] {
  const found: Shortfall[] = [];
  const low = lowest(writer);
  const high = highest(writer);
  const whole = writer.type === 'integer';
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = reader;
  const range = (keyword: string, limit: number): void => {
    found.push({ kind: 'range', detail: `may be outside of ${keyword} ${limit}` });
  };
  if (isNumber(minimum) && !(low.at >= minimum)) range('minimum', minimum);
  if (isNumber(exclusiveMinimum) && !above(low, exclusiveMinimum, whole)) {
    range('exclusiveMinimum', exclusiveMinimum);
  }
  if (isNumber(maximum) && !(high.at <= maximum)) range('maximum', maximum);
  if (isNumber(exclusiveMaximum) && !below(high, exclusiveMaximum, whole)) {
    range('exclusiveMaximum', exclusiveMaximum);
  }
  if (isNumber(multipleOf)) {
    const steps = [...every(writer, 'multipleOf', isNumber), ...(whole ? [1] : [])];
    const fits = (step: number): boolean =>
      step === multipleOf ||
      (Number.isInteger(step) && Number.isInteger(multipleOf) && step % multipleOf === 0);
    if (!steps.some(fits)) range('multipleOf', multipleOf);
  }
  return found;
}

function lowest(writer: WriterBranch): Bound {
  const bounds: Bound[] = [
    { at: -Infinity, open: false },
    ...every(writer, 'minimum', isNumber).map((at) => ({ at, open: false })),
    ...every(writer, 'exclusiveMinimum', isNumber).map((at) => ({ at, open: true })),
  ];
  const tight = bounds.reduce((a, b) => (b.at > a.at || (b.at === a.at && b.open) ? b : a));
  if (writer.type !== 'integer' || !Number.isFinite(tight.at)) return tight;
  const at = tight.open ? Math.floor(tight.at) + 1 : Math.ceil(tight.at);
  return { at, open: false };
}

function highest(writer: WriterBranch): Bound {
  const bounds: Bound[] = [
    { at: Infinity, open: false },
    ...every(writer, 'maximum', isNumber).map((at) => ({ at, open: false })),
    ...every(writer, 'exclusiveMaximum', isNumber).map((at) => ({ at, open: true })),
  ];
  const tight = bounds.reduce((a, b) => (b.at < a.at || (b.at === a.at && b.open) ? b : a));
  if (writer.type !== 'integer' || !Number.isFinite(tight.at)) return tight;
  const at = tight.open ? Math.ceil(tight.at) - 1 : Math.floor(tight.at);
  return { at, open: false };
}

function above(low: Bound, limit: number, whole: boolean): boolean {
  return low.at > limit || (!whole && low.at === limit && low.open);
}

function below(high: Bound, limit: number, whole: boolean): boolean {
  return high.at < limit || (!whole && high.at === limit && high.open);
}

/** What the keywords of a reader for texts demand beyond what the writer promises. */
export function textShortfalls(writer: WriterBranch, reader: SchemaObject): Shortfall[] {
  const found: Shortfall[] = [];
  const { minLength, maxLength, pattern, format } = reader;
  if (isNumber(minLength) && minLength > greatest(writer, 'minLength', 0)) {
    found.push({ kind: 'length', detail: `may be shorter than minLength ${minLength}` });
  }
  if (isNumber(maxLength) && maxLength < least(writer, 'maxLength', Infinity)) {
    found.push({ kind: 'length', detail: `may be longer than maxLength ${maxLength}` });
  }
  if (isText(pattern) && !every(writer, 'pattern', isText).includes(pattern)) {
    found.push({ kind: 'pattern', detail: `may not match the pattern ${quoted(pattern)}` });
  }
  if (isText(format) && !every(writer, 'format', isText).includes(format)) {
    found.push({ kind: 'format', detail: `may not be of the format ${quoted(format)}` });
  }
  return found;
}

/** The greatest of a keyword's numbers in a branch. */
export function greatest(writer: WriterBranch, keyword: string, otherwise: number): number {
  return Math.max(otherwise, ...every(writer, keyword, isNumber));
}

/** The least of a keyword's numbers in a branch. */
export function least(writer: WriterBranch, keyword: string, otherwise: number): number {
  return Math.min(otherwise, ...every(writer, keyword, isNumber));
}

/**
 * What the keywords of a reader demand that one listed value does not fulfil. Formats cannot be told
 * from a value here; the caller treats them as unlisted.
 */
export function valueShortfalls(value: unknown, reader: SchemaObject): Shortfall[] {
  if (isNumber(value)) {
    const exact: WriterBranch = {
      type: Number.isInteger(value) ? 'integer' : 'number',
      values: undefined,
      nodes: [{ minimum: value, maximum: value, multipleOf: value }],
    };
    const { multipleOf, ...limits } = reader;
    const found = numberShortfalls(exact, limits);
    if (isNumber(multipleOf) && !isMultiple(value, multipleOf)) {
      found.push({ kind: 'range', detail: `may be ${value}, no multiple of ${multipleOf}` });
    }
    return found;
  }
  if (!isText(value)) return [];
  const length = codePoints(value);
  const { pattern, ...others } = reader;
  const exact: WriterBranch = {
    type: 'string',
    values: undefined,
    nodes: [{ minLength: length, maxLength: length }],
  };
  const found = textShortfalls(exact, { ...others, format: undefined });
  if (isText(pattern) && !matches(pattern, value)) {
    found.push({ kind: 'pattern', detail: `may be ${quoted(value)}, outside of the pattern` });
  }
  return found;
}

function isMultiple(value: number, step: number): boolean {
  return value === 0 || (Number.isInteger(value) && Number.isInteger(step) && value % step === 0);
}

/** How long a text is to JSON Schema. */
export function codePoints(text: string): number {
  return Array.from(text).length;
}
