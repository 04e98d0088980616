import { arrayProblems } from './array-containment.js';
import { disjoint } from './disjoint.js';
import {
  canonical,
  isAnnotation,
  resolveReference,
  sameJson,
  schemaList,
  type JsonSchema,
  type SchemaObject,
} from './json-schema.js';
import { objectProblems } from './object-containment.js';
import { quoted, type Problem, type ProblemKind } from './rules.js';
import {
  numberShortfalls,
  textShortfalls,
  valueShortfalls,
  type Shortfall,
} from './scalar-limits.js';
import { saysTheSame, type WriterBranch } from './branch.js';
import { CannotFollow, isOfType, namedTypes, writerBranches } from './writer-branch.js';

/** Nesting that is followed; deeper schemas are not proved. */
const MAX_DEPTH = 64;

/** Keywords whose meaning is known here; any other must be the same in the writer. */
const UNDERSTOOD: ReadonlySet<string> = new Set(
  (
    'type const enum $ref allOf anyOf oneOf minimum maximum exclusiveMinimum exclusiveMaximum ' +
    'multipleOf minLength maxLength pattern format items prefixItems minItems maxItems uniqueItems ' +
    'properties patternProperties additionalProperties required minProperties maxProperties ' +
    'propertyNames'
  ).split(' '),
);

/** Keywords that matter to values of one type only. */
const ONLY_FOR: Readonly<Record<string, string>> = {
  contains: 'array',
  minContains: 'array',
  maxContains: 'array',
  unevaluatedItems: 'array',
  unevaluatedProperties: 'object',
  dependentRequired: 'object',
  dependentSchemas: 'object',
};

/**
 * Whether everything that a writer writes can be read: proves that the values of one schema are
 * values of another. Writers are taken as closed (they write only what their schema names), readers
 * as open (they drop what theirs does not name); a field that is added is then no problem, as it
 * would be if a writer were thought to write anything under any name. What cannot be proved is a
 * problem: no problems means compatible, some mean "not known to be".
 */
export class Containment {
  /** Pairs that are being compared: a recursive schema meets itself again. */
  readonly #open = new Map<JsonSchema, Set<JsonSchema>>();
  #depth = 0;

  constructor(
    private readonly writerRoot: JsonSchema,
    private readonly readerRoot: JsonSchema,
  ) {}

  /** What the reader does not take of what the writer may write, at a JSONPath. */
  problems(
    writer: JsonSchema = this.writerRoot,
    reader: JsonSchema = this.readerRoot,
    path = '$',
  ): Problem[] {
    if (reader === true) return [];
    const readers = this.#open.get(writer) ?? new Set();
    if (typeof writer === 'object' && readers.has(reader)) return [];
    if (this.#depth > MAX_DEPTH) return [unproven(path, 'is nested too deeply')];
    this.#open.set(writer, readers.add(reader));
    this.#depth += 1;
    try {
      const branches = writerBranches(this.writerRoot, writer);
      return unique(branches.flatMap((branch) => this.#branch(branch, reader, path, [])));
    } catch (error) {
      if (error instanceof CannotFollow) return [unproven(path, error.message)];
      throw error;
    } finally {
      this.#depth -= 1;
      readers.delete(reader);
    }
  }

  #branch(
    writer: WriterBranch,
    reader: JsonSchema,
    path: string,
    following: readonly string[],
  ): Problem[] {
    if (reader === true) return [];
    if (reader === false) return [{ kind: 'never', path, detail: 'is not taken at all' }];
    const { $ref, allOf, anyOf, oneOf } = reader;
    const problems: Problem[] = [];
    if (typeof $ref === 'string') {
      const target = resolveReference(this.readerRoot, $ref);
      if (target === undefined || following.includes($ref)) {
        problems.push(unproven(path, `is read by ${$ref}, which leads nowhere`));
      } else problems.push(...this.#branch(writer, target, path, [...following, $ref]));
    }
    for (const part of schemaList(allOf)) {
      problems.push(...this.#branch(writer, part, path, following));
    }
    if (Array.isArray(anyOf)) {
      problems.push(...this.#union(writer, schemaList(anyOf), false, path, following));
    }
    if (Array.isArray(oneOf)) {
      problems.push(...this.#union(writer, schemaList(oneOf), true, path, following));
    }
    return [...problems, ...this.#keywords(writer, reader, path)];
  }

  /** One alternative of the reader must take the branch, and of `oneOf` no other may. */
  #union(
    writer: WriterBranch,
    alternatives: readonly JsonSchema[],
    exclusive: boolean,
    path: string,
    following: readonly string[],
  ): Problem[] {
    const results = alternatives.map((each) => this.#branch(writer, each, path, following));
    const taken = results.findIndex((problems) => problems.length === 0);
    if (taken >= 0) {
      const chosen = alternatives[taken] as JsonSchema;
      const sole = alternatives.every(
        (other, index) =>
          index === taken || disjoint(this.readerRoot, chosen, other) || this.#never(writer, other),
      );
      if (!exclusive || sole) return [];
      return [{ kind: 'ambiguous', path, detail: 'may fit more than one alternative of oneOf' }];
    }
    const meant = results.filter((problems) => !problems.some((each) => tellsApart(each, path)));
    const [only] = meant;
    if (meant.length === 1 && only !== undefined) return only;
    return [{ kind: 'variant', path, detail: `${describe(writer)} fits no alternative` }];
  }

  #never(writer: WriterBranch, reader: JsonSchema): boolean {
    return disjoint(this.readerRoot, reader, { allOf: [...writer.nodes] }, this.writerRoot);
  }

  #keywords(writer: WriterBranch, reader: SchemaObject, path: string): Problem[] {
    const { type } = writer;
    if (!namedTypes(reader).some((allowed) => isOfType(type, allowed))) {
      return [typeProblem(writer, reader, path)];
    }
    const problems = [...valuesProblems(writer, reader, path), ...strange(writer, reader, path)];
    const tell = ({ kind, detail }: Shortfall): void => void problems.push({ kind, path, detail });
    if (type === 'object') problems.push(...objectProblems(this, writer, reader, path));
    if (type === 'array') problems.push(...arrayProblems(this, writer, reader, path));
    if (type !== 'string' && type !== 'number' && type !== 'integer') return problems;
    if (writer.values !== undefined) {
      for (const value of writer.values) valueShortfalls(value, reader).forEach(tell);
      const { format } = reader;
      if (type === 'string' && typeof format === 'string') {
        textShortfalls(writer, { format }).forEach(tell);
      }
    } else if (type === 'string') textShortfalls(writer, reader).forEach(tell);
    else numberShortfalls(writer, reader).forEach(tell);
    return problems;
  }
}

/** Whether a problem says that another alternative was meant: another type, or discriminator. */
function tellsApart({ kind, path }: Problem, union: string): boolean {
  if (path === union) return kind === 'otherType' || kind === 'null' || kind === 'never';
  const [, below] = path.split(union);
  return kind === 'const' && /^\.[^.[]+$/.test(below ?? '');
}

function typeProblem(writer: WriterBranch, reader: SchemaObject, path: string): Problem {
  const wanted = namedTypes(reader).join(' or ');
  if (writer.type === 'null') return { kind: 'null', path, detail: `may be null, not ${wanted}` };
  const detail = `may be ${describe(writer)}, not ${wanted}`;
  const near = writer.type === 'number' && namedTypes(reader).includes('integer');
  return { kind: near ? 'type' : 'otherType', path, detail };
}

/** `const` and `enum` of the reader. */
function valuesProblems(writer: WriterBranch, reader: SchemaObject, path: string): Problem[] {
  const problems: Problem[] = [];
  const check = (kind: ProblemKind, allowed: readonly unknown[]): void => {
    const texts = new Set(allowed.map(canonical));
    const { values } = writer;
    if (values === undefined) {
      const detail = `may be any ${writer.type}, not only ${allowed.map(quoted).join(', ')}`;
      problems.push({ kind: 'values', path, detail });
      return;
    }
    const strangers = values.filter((value) => !texts.has(canonical(value)));
    if (strangers.length === 0) return;
    problems.push({ kind, path, detail: `may be ${strangers.map(quoted).join(', ')}` });
  };
  if ('const' in reader) check('const', [reader.const]);
  if (Array.isArray(reader.enum)) check('enum', reader.enum as unknown[]);
  return problems;
}

/** Keywords that nobody here understands must be the writer's as well, with all that surrounds them. */
function strange(writer: WriterBranch, reader: SchemaObject, path: string): Problem[] {
  const unknown = Object.keys(reader).filter(
    (keyword) =>
      !UNDERSTOOD.has(keyword) &&
      !isAnnotation(keyword) &&
      (ONLY_FOR[keyword] ?? writer.type) === writer.type &&
      // Readers are open.
      !(keyword === 'unevaluatedProperties' && reader[keyword] === false),
  );
  if (unknown.length === 0 || saysAll(writer, reader)) return [];
  return unknown
    .filter((keyword) => reader[keyword] !== undefined && !same(writer, reader, keyword))
    .map((keyword) => unproven(path, `has ${keyword}, which is not understood here`));
}

/** Keywords that mean nothing without their neighbours count as the same only in the same schema. */
const NOT_ALONE = /^(if|then|else|unevaluated.*|contains|minContains|maxContains)$/;

function same(writer: WriterBranch, reader: SchemaObject, keyword: string): boolean {
  if (NOT_ALONE.test(keyword) || holdsReference(reader[keyword])) return false;
  return saysTheSame(writer, keyword, reader[keyword]);
}

function saysAll(writer: WriterBranch, reader: SchemaObject): boolean {
  return !holdsReference(reader) && writer.nodes.some((node) => sameJson(node, reader));
}

/** What a reference means depends on the document it is in. */
function holdsReference(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if ('$ref' in value || '$dynamicRef' in value) return true;
  return Object.values(value).some(holdsReference);
}

function describe({ type, values }: WriterBranch): string {
  if (values !== undefined && values.length <= 3) return values.map(quoted).join(', ');
  return type;
}

function unproven(path: string, detail: string): Problem {
  return { kind: 'unproven', path, detail };
}

function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Map(problems.map((each) => [`${each.kind} ${each.path} ${each.detail}`, each]));
  return [...seen.values()];
}
