import type { Random } from '@rookery/core';
import { isSchema, sameJson, type JsonSchema } from '../compatibility/json-schema.js';
import { itemAt } from '../compatibility/array-containment.js';
import { matches } from '../compatibility/pattern.js';
import { codePoints, greatest, least } from '../compatibility/scalar-limits.js';
import { every, type WriterBranch } from '../compatibility/branch.js';
import { writerBranches, writerFields, intersection } from '../compatibility/writer-branch.js';
import { pick, textForPattern } from './pattern-text.js';

/** No value could be made for a schema. */
export class NoValueError extends Error {}

/** How values are made. */
export interface ValueChoices {
  readonly random: Random;
  /** Share of the optional fields that is there. @default 0.5 */
  readonly optional?: number;
}

/** Nesting at which only what is required is made. */
const DEEP = 6;
const MAX_DEPTH = 24;

/** Texts of the formats that JSON Schema names, several where they differ in kind. */
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  uuid: ['0199f0a4-6c1e-7c3a-8b1a-3f9f0c1d2e3f', '6f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f'],
  'date-time': ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05+02:00'],
  date: ['2026-01-02'],
  time: ['03:04:05', '03:04:05Z'],
  duration: ['P1DT2H'],
  email: ['someone@example.org'],
  hostname: ['example.org'],
  ipv4: ['192.0.2.1'],
  ipv6: ['2001:db8::1'],
  uri: ['https://example.org/a'],
  'uri-reference': ['/a/b'],
  regex: ['^a$'],
  'json-pointer': ['/a'],
};

/**
 * A value that fits a schema as its writer would write it: without fields that it does not name.
 * The same random numbers make the same value.
 *
 * @throws NoValueError when none is found, as with patterns that are not understood
 */
export function valueFor(schema: JsonSchema, choices: ValueChoices): unknown {
  return new ValueMaker(schema, choices).make(schema, 0);
}

class ValueMaker {
  constructor(
    private readonly root: JsonSchema,
    private readonly choices: ValueChoices,
  ) {}

  make(schema: JsonSchema, depth: number): unknown {
    if (depth > MAX_DEPTH) throw new NoValueError('the schema never ends');
    const branches = writerBranches(this.root, schema);
    if (branches.length === 0) throw new NoValueError('nothing fits the schema');
    const first = Math.floor(this.choices.random() * branches.length);
    // Another alternative may do where one is a dead end, as in recursive schemas.
    let failure: unknown;
    for (let index = 0; index < branches.length; index += 1) {
      const branch = branches[(first + index) % branches.length] as WriterBranch;
      try {
        return this.#of(branch, depth);
      } catch (error) {
        if (!(error instanceof NoValueError)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  #of(branch: WriterBranch, depth: number): unknown {
    const { random } = this.choices;
    if (branch.values !== undefined) {
      const formats = every(branch, 'format', (value) => typeof value === 'string');
      // Whether a listed text is of a format cannot be told here.
      if (branch.values.length === 0 || (branch.type === 'string' && formats.length > 0)) {
        throw new NoValueError('nothing is known to fit the schema');
      }
      return pick(branch.values, random);
    }
    if (branch.type === 'object') return this.#object(branch, depth);
    if (branch.type === 'array') return this.#array(branch, depth);
    if (branch.type === 'string') return this.#text(branch);
    return this.#number(branch);
  }

  #object(branch: WriterBranch, depth: number): unknown {
    const { random, optional = 0.5 } = this.choices;
    const { properties, required, additional } = writerFields(branch);
    const least_ = greatest(branch, 'minProperties', 0);
    const most = least(branch, 'maxProperties', Infinity);
    const entries: [string, unknown][] = [];
    const names = [...new Set([...required, ...properties.keys()])];
    const wanted = names.filter(
      (name) => required.has(name) || (depth < DEEP && random() < optional),
    );
    for (const name of wanted) {
      if (entries.length >= most && !required.has(name)) continue;
      const schema = properties.get(name) ?? additional;
      if (schema === undefined) throw new NoValueError(`${name} is required and has no schema`);
      if (required.has(name)) entries.push([name, this.make(schema, depth + 1)]);
      else entries.push(...this.#optional(name, schema, depth));
    }
    const open = additional !== undefined && additional !== true && depth < DEEP;
    const more = open ? Math.max(least_ - entries.length, 1) : 0;
    for (let index = 0; index < more && entries.length < most; index += 1) {
      const name = this.#name(branch, index);
      if (!names.includes(name)) entries.push([name, this.make(additional ?? true, depth + 1)]);
    }
    if (entries.length > most) throw new NoValueError(`has more than ${most} fields`);
    if (entries.length < least_) throw new NoValueError(`has fewer than ${least_} fields`);
    return Object.fromEntries(entries);
  }

  #optional(name: string, schema: JsonSchema, depth: number): [string, unknown][] {
    try {
      return [[name, this.make(schema, depth + 1)]];
    } catch (error) {
      if (error instanceof NoValueError) return [];
      throw error;
    }
  }

  #name(branch: WriterBranch, index: number): string {
    const [names] = every(branch, 'propertyNames', isSchema);
    if (names === undefined) return `field${index + 1}`;
    const made = this.make(intersection({ type: 'string' }, names), 0);
    return String(made);
  }

  #array(branch: WriterBranch, depth: number): unknown[] {
    const { random } = this.choices;
    const fewest = greatest(branch, 'minItems', 0);
    const most = least(branch, 'maxItems', Infinity);
    const prefix = every(branch, 'prefixItems', Array.isArray).map(({ length }) => length);
    const ends = branch.nodes.some(({ items }) => items === false);
    const listed = Math.max(0, ...prefix);
    const wish = Math.max(fewest, listed, depth < DEEP ? 1 + Math.floor(random() * 2) : 0);
    const count = Math.min(wish, most, ends ? listed : Infinity);
    const unique = branch.nodes.some(({ uniqueItems }) => uniqueItems === true);
    const items: unknown[] = [];
    for (let tries = 0; items.length < count && tries < count * 10; tries += 1) {
      const schema = itemAt(branch, items.length);
      if (schema === false) break;
      const item = this.make(schema, depth + 1);
      if (!unique || !items.some((other) => sameJson(other, item))) items.push(item);
    }
    if (items.length < fewest) throw new NoValueError(`has fewer than ${fewest} items`);
    return items;
  }

  #number(branch: WriterBranch): number {
    const { random } = this.choices;
    const isNumber = (value: unknown): value is number => typeof value === 'number';
    const whole = branch.type === 'integer';
    const [step = whole ? 1 : 0.5] = every(branch, 'multipleOf', isNumber);
    const low = Math.max(
      -1e9,
      greatest(branch, 'minimum', -Infinity),
      greatest(branch, 'exclusiveMinimum', -Infinity),
    );
    const high = Math.min(
      1e9,
      least(branch, 'maximum', Infinity),
      least(branch, 'exclusiveMaximum', Infinity),
    );
    const from = low > -1e9 ? low : Math.min(high, 0) - (high <= 0 ? 100 : 0);
    const span = Math.min(high - from, 100);
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const raw = attempt === 0 ? from : attempt === 1 ? from + span : from + random() * span;
      for (const value of [Math.ceil(raw / step) * step, Math.floor(raw / step) * step, raw]) {
        if (fits(value, branch)) return value;
      }
    }
    throw new NoValueError(`no number from ${low} to ${high} was found`);
  }

  #text(branch: WriterBranch): string {
    const { random } = this.choices;
    const isText = (value: unknown): value is string => typeof value === 'string';
    const patterns = every(branch, 'pattern', isText);
    const formats = every(branch, 'format', isText);
    const fewest = greatest(branch, 'minLength', 0);
    const most = least(branch, 'maxLength', Infinity);
    const right = (text: string): boolean =>
      codePoints(text) >= fewest &&
      codePoints(text) <= most &&
      patterns.every((pattern) => matches(pattern, text));
    const known = formats.flatMap((format) => FORMATS[format] ?? []).filter(right);
    if (known.length > 0) return pick(known, random);
    if (formats.length > 0 && patterns.length === 0) {
      throw new NoValueError(`no text was found for the format ${formats.join(', ')}`);
    }
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const text =
        patterns[0] === undefined
          ? plainText(fewest, most, random)
          : textForPattern(patterns[0], random);
      if (text !== undefined && right(text)) return text;
    }
    throw new NoValueError(`no text was found for the pattern ${patterns.join(' and ')}`);
  }
}

function plainText(fewest: number, most: number, random: Random): string {
  const length = Math.max(fewest, Math.min(most, 3 + Math.floor(random() * 5)));
  const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
  return Array.from({ length }, () => pick(letters, random)).join('');
}

function fits(value: number, { type, nodes }: WriterBranch): boolean {
  if (type === 'integer' && !Number.isInteger(value)) return false;
  return nodes.every(
    (node) =>
      !(value < Number(node.minimum ?? -Infinity)) &&
      !(value > Number(node.maximum ?? Infinity)) &&
      !(value <= Number(node.exclusiveMinimum ?? -Infinity)) &&
      !(value >= Number(node.exclusiveMaximum ?? Infinity)) &&
      (typeof node.multipleOf !== 'number' || Number.isInteger(value / node.multipleOf)),
  );
}
