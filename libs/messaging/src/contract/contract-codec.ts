import { ContractViolationError, UnreadableRecordError } from '../messaging.errors.js';
import type { MessageContract } from './contract.js';
import { describeIssues, type StandardSchema } from './standard-schema.js';
import { droppingUnknown } from './drop-unknown.js';
import { wireSchema } from './wire-schema.js';

/**
 * Data as it is written: validated against the newest version, and stripped of what the contract
 * does not name.
 *
 * @throws ContractViolationError
 */
export function encodeData(contract: MessageContract, data: unknown): unknown {
  return validate(contract, contract.latest, data);
}

/**
 * Data as handlers get it: validated against the version it was written in, then brought to the
 * newest. A newer version than is known here is read as the newest, if the contract promises that
 * it can be.
 *
 * @throws UnreadableRecordError for a version that cannot be read
 * @throws ContractViolationError for data that does not fit its version
 */
export function decodeData(contract: MessageContract, version: number, data: unknown): unknown {
  const { latest, name, compatibility, upcast, versions } = contract;
  if (version > latest && /^(FORWARD|FULL)/.test(compatibility)) {
    return validate(contract, latest, data);
  }
  if (versions[version] === undefined) {
    throw new UnreadableRecordError(
      'unknown-version',
      `${name} v${version} is not known here, which reads up to v${latest}`,
    );
  }
  let current = validate(contract, version, data);
  for (let from = version; from < latest; from += 1) {
    const raised: unknown = upcast[from]?.(current as never);
    current = validate(contract, from + 1, raised);
  }
  return current;
}

function validate(contract: MessageContract, version: number, data: unknown): unknown {
  const schema = contract.versions[version];
  const result = schema?.['~standard'].validate(data);
  if (schema === undefined || result === undefined || result instanceof Promise) {
    throw new ContractViolationError(contract.name, version, [
      'its schema is asynchronous, which contracts do not support',
    ]);
  }
  if (result.issues !== undefined) {
    throw new ContractViolationError(contract.name, version, describeIssues(result.issues));
  }
  const drop = dropOf(schema);
  return drop === undefined ? result.value : drop(result.value);
}

const drops = new WeakMap<StandardSchema, ((value: unknown) => unknown) | null>();

/** Made when a schema is first used, so that the start does not wait for it. */
function dropOf(schema: StandardSchema): ((value: unknown) => unknown) | undefined {
  let drop = drops.get(schema);
  if (drop === undefined) {
    const written = wireSchema(schema);
    drop = (written === undefined ? undefined : droppingUnknown(written)) ?? null;
    drops.set(schema, drop);
  }
  return drop ?? undefined;
}
