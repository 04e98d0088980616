import { isDeepStrictEqual } from 'node:util';
import { decodeData, encodeData } from '../contract-codec.js';
import type { MessageContract } from '../contract.js';
import { isObject } from '../compatibility/json-schema.js';
import { versionSchema } from '../lock/contract-lock.js';
import { valueFor } from './schema-value.js';
import { seededBy } from './seeded-by.js';

/** Values besides the sample that every old version is tried with. */
const TRIALS = 40;

/**
 * What messages of a version look like: the contract's example, or one made from the schema, the
 * same on every machine.
 *
 * @throws NoValueError when the schema is too special: give an example in the contract
 */
export function sampleOf(contract: MessageContract, version: number): unknown {
  const example = contract.examples?.[version];
  if (example !== undefined) return plain(example);
  const { schema } = versionSchema(contract, version);
  return valueFor(schema, seededBy(`${contract.name} v${version}`));
}

/**
 * Whether today's code reads a sample of a version: validates it, raises it to the newest version, and
 * drops a field it does not know.
 *
 * @returns what is wrong, or nothing
 */
export function sampleProblem(
  contract: MessageContract,
  version: number,
  sample: unknown,
): string | undefined {
  try {
    const data = decodeData(contract, version, plain(sample));
    const again = encodeData(contract, plain(data));
    if (!isDeepStrictEqual(plain(again), plain(data))) {
      return 'reads differently when it is written again: its transforms must not add up';
    }
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  }
  try {
    if (isObject(sample)) decodeData(contract, version, { ...plain(sample), 'x-unknown': true });
    return undefined;
  } catch (error) {
    return `cannot be read with a field that is not known: ${(error as Error).message}`;
  }
}

/** A value of an old version that today's code does not read. */
export interface FailedTrial {
  readonly value: unknown;
  readonly problem: string;
}

/**
 * Tries many values of an old version, as its lock describes it, with today's schemas and upcasts.
 *
 * @returns the first that fails
 */
export function tryVersion(
  contract: MessageContract,
  version: number,
  schema: Parameters<typeof valueFor>[0],
): FailedTrial | undefined {
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const name = `${contract.name} v${version} #${trial}`;
    const value = valueFor(schema, seededBy(name, (trial % 5) / 4));
    const problem = sampleProblem(contract, version, value);
    if (problem !== undefined) return { value, problem };
  }
  return undefined;
}

function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
