import { isObject, sameJson, sorted, type JsonSchema } from '../compatibility/json-schema.js';
import type { VersionSchema } from '../compatibility/version-compatibility.js';
import type { Compatibility, MessageContract } from '../contract.js';
import { valueFor } from '../samples/schema-value.js';
import { seededBy } from '../samples/seeded-by.js';
import { keyDescription } from './key-description.js';

/** What a lock file holds of a contract: all that others rely on. */
export interface LockedContract {
  readonly kind: MessageContract['kind'];
  readonly owner: string;
  /** Of events and commands. */
  readonly topic?: string | undefined;
  /** Of events and commands: the fields that the key is made of. */
  readonly key?: string | undefined;
  /** Of replies. */
  readonly outcome?: 'success' | 'refusal' | undefined;
  /** Of commands: names of the replies. */
  readonly replies?: readonly string[] | undefined;
  readonly compatibility: Compatibility;
  /** By version number. */
  readonly versions: Readonly<Record<string, VersionSchema>>;
}

/** Contracts by name. */
export type LockedContracts = Readonly<Record<string, LockedContract>>;

/** A contract says too little of itself to be locked. */
export class NotDescribedError extends Error {}

/** Keywords that explain and decide nothing. Defaults stay: readers fill them in. */
const EXPLANATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'examples',
  'deprecated',
]);

/**
 * What a contract is, as its lock says it.
 *
 * @throws NotDescribedError when a schema has no JSON Schema
 */
export function describeContract(contract: MessageContract): LockedContract {
  const versions = Object.fromEntries(
    Object.keys(contract.versions).map((version) => [
      version,
      versionSchema(contract, Number(version)),
    ]),
  );
  const { kind, owner, compatibility } = contract;
  if (contract.kind === 'reply') {
    return { kind, owner, outcome: contract.outcome, compatibility, versions };
  }
  const key = keyDescription(
    (data) => contract.key(data),
    () => valueFor(versions[contract.latest]?.schema ?? true, seededBy(contract.name)),
  );
  const { topic } = contract;
  const described = { kind, owner, topic, key, compatibility, versions };
  if (contract.kind === 'event') return described;
  return { ...described, replies: contract.replies.map(({ name }) => name).sort() };
}

/** The schemas of one version, with their keys in order and without explanations. */
export function versionSchema(contract: MessageContract, version: number): VersionSchema {
  const standard = contract.versions[version]?.['~standard'].jsonSchema;
  if (standard === undefined) {
    throw new NotDescribedError(
      `${contract.name} v${version} has no JSON Schema: use a library whose schemas have one, as zod 4, ` +
        'arktype, or valibot by toStandardJsonSchema',
    );
  }
  const schema = essential(standard.output({ target: 'draft-2020-12' }));
  const reads = essential(standard.input?.({ target: 'draft-2020-12' }) ?? schema);
  return sameJson(open(schema), open(reads)) ? { schema } : { schema, reads };
}

/** Without what only explains. */
function essential(schema: unknown): JsonSchema {
  return sorted(without(schema, (key) => EXPLANATIONS.has(key))) as JsonSchema;
}

/** Readers drop what they do not know, whether their schema says so or not. */
function open(schema: unknown): unknown {
  return without(schema, (key, value) => key === 'additionalProperties' && value === false);
}

function without(schema: unknown, drop: (key: string, value: unknown) => boolean): unknown {
  if (Array.isArray(schema)) return schema.map((each) => without(each, drop));
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !drop(key, value))
      .map(([key, value]) => [key, inner(key, value, drop)]),
  );
}

function inner(
  key: string,
  value: unknown,
  drop: (key: string, value: unknown) => boolean,
): unknown {
  // Below these are values or names of fields, which may be called like keywords.
  if (key === 'const' || key === 'enum' || key === 'default' || key === 'required') return value;
  if (/^(properties|patternProperties|\$defs|definitions|dependentSchemas)$/.test(key)) {
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, schema]) => [name, without(schema, drop)]),
    );
  }
  return without(value, drop);
}
