import { pathsNamed } from '../compatibility/field-changes.js';
import { sameJson } from '../compatibility/json-schema.js';
import type { Direction } from '../compatibility/rules.js';
import {
  compareVersions,
  directionsOf,
  pairsOf,
  type CompatibilityFinding,
  type CompatibilityRule,
} from '../compatibility/version-compatibility.js';
import type { MessageContract } from '../contract.js';
import { NoValueError } from '../samples/schema-value.js';
import { tryVersion } from '../samples/golden-samples.js';
import {
  consumerName,
  readersOf,
  type KnownConsumer,
  type KnownConsumers,
} from './consumer-lock.js';
import { describeContract, type LockedContract, type LockedContracts } from './contract-lock.js';

/** What can be wrong with contracts besides the differences of two versions. */
export type ContractRule =
  | CompatibilityRule
  | 'contract-removed'
  | 'version-removed'
  | 'version-changed'
  | 'kind-changed'
  | 'owner-changed'
  | 'topic-changed'
  | 'key-changed'
  | 'outcome-changed'
  | 'compatibility-changed'
  | 'reply-added'
  | 'reply-removed'
  | 'used-field-removed'
  | 'unknown-field-used'
  | 'old-version-unreadable'
  | 'not-locked'
  | 'golden-sample'
  | 'name-taken';

/** Something to tell about a contract. */
export interface ContractFinding {
  readonly contract: string;
  readonly rule: ContractRule;
  /**
   * `error` refuses; `outdated` is allowed and only missing in the lock files; `note` is good to know.
   */
  readonly severity: 'error' | 'outdated' | 'note';
  /** One sentence for people, with what to do. */
  readonly message: string;
  /** The field, as JSONPath. */
  readonly path?: string | undefined;
  readonly direction?: Direction | undefined;
  /** The version that writes, and the one that reads. */
  readonly versions?: readonly [writer: number, reader: number] | undefined;
  /** Who is hit, as `<service>/<handler>`. */
  readonly consumers: readonly string[];
}

/** What {@link checkContracts} compares. */
export interface ContractCheck {
  /** The contracts of today's code. */
  readonly contracts: readonly MessageContract[];
  /** What was released. */
  readonly locked: LockedContracts;
  readonly consumers: KnownConsumers;
  /** Versions, as `orders.order-placed@2`, that were never released and may change. */
  readonly unreleased?: ReadonlySet<string>;
}

/**
 * Compares today's contracts with what was released, and their versions with each other as each
 * contract's mode demands.
 *
 * Data of an older version that a newer schema would refuse is no break by itself: readers raise it
 * by the contract's upcasts first. That they can is tried with values made from the locked schema.
 */
export function checkContracts(check: ContractCheck): ContractFinding[] {
  const findings: ContractFinding[] = [];
  const byName = new Map<string, MessageContract>();
  for (const contract of check.contracts) {
    const known = byName.get(contract.name);
    if (known !== undefined && known !== contract) {
      const message = 'is defined twice: give one of them another name';
      findings.push(about(contract.name, 'name-taken', 'error', message, []));
    }
    byName.set(contract.name, contract);
  }
  for (const name of new Set([...Object.keys(check.locked), ...byName.keys()])) {
    findings.push(...checkOne(check, name, byName.get(name)));
  }
  return findings.sort((a, b) => (a.contract < b.contract ? -1 : Number(a.contract > b.contract)));
}

function checkOne(
  { locked: all, consumers: everybody, unreleased }: ContractCheck,
  name: string,
  contract: MessageContract | undefined,
): ContractFinding[] {
  const locked = all[name];
  const consumers = everybody[name] ?? [];
  if (contract === undefined) return [removed(name, consumers)];
  const today = describeContract(contract);
  const findings = [
    ...(locked === undefined
      ? [about(name, 'not-locked', 'outdated', 'is new', [])]
      : released(name, locked, today, consumers, unreleased ?? new Set())),
    ...usesProblems(name, today, contract.latest, consumers),
  ];
  return [...findings, ...versionFindings(contract, today, locked, consumers)];
}

function removed(name: string, consumers: readonly KnownConsumer[]): ContractFinding {
  return consumers.length === 0
    ? about(name, 'contract-removed', 'outdated', 'was removed; nobody takes it', [])
    : about(name, 'contract-removed', 'error', 'was removed, but is taken', consumers);
}

/** What has changed of a contract that others rely on. */
function released(
  name: string,
  locked: LockedContract,
  today: LockedContract,
  consumers: readonly KnownConsumer[],
  unreleased: ReadonlySet<string>,
): ContractFinding[] {
  const findings: ContractFinding[] = [];
  const used = consumers.length > 0;
  for (const field of ['kind', 'owner', 'topic', 'key', 'outcome', 'compatibility'] as const) {
    if (locked[field] === today[field]) continue;
    const harmless = field === 'compatibility' || field === 'owner' || !used;
    const message = `${field} was ${locked[field]} and is now ${today[field]}`;
    const severity = harmless ? 'outdated' : 'error';
    findings.push(about(name, `${field}-changed`, severity, message, harmless ? [] : consumers));
  }
  for (const reply of today.replies ?? []) {
    if (locked.replies?.includes(reply) ?? false) continue;
    // Whoever sends the command may be older and not know it.
    const message = `may now be answered with ${reply}, which those who send it may not know yet`;
    findings.push(about(name, 'reply-added', 'outdated', message, []));
  }
  for (const reply of locked.replies ?? []) {
    if (today.replies?.includes(reply) ?? false) continue;
    const message = `is no longer answered with ${reply}`;
    findings.push(about(name, 'reply-removed', 'outdated', message, []));
  }
  for (const [version, was] of Object.entries(locked.versions)) {
    const is = today.versions[version];
    if (is === undefined) {
      const message = `version ${version} was removed, so that messages of it can no longer be read`;
      const severity = used ? 'error' : 'outdated';
      findings.push(about(name, 'version-removed', severity, message, consumers));
    } else if (!sameJson(was, is)) {
      const allowed = unreleased.has(`${name}@${version}`);
      const next = Math.max(...versionsOf(locked), ...versionsOf(today)) + 1;
      const message = allowed
        ? `version ${version} was changed before its release`
        : `version ${version} was changed: add version ${next} instead (if ${version} was never ` +
          `released, run rookery contracts lock --unreleased ${name}@${version})`;
      findings.push(about(name, 'version-changed', allowed ? 'outdated' : 'error', message, []));
    }
  }
  for (const version of Object.keys(today.versions)) {
    if (locked.versions[version] !== undefined) continue;
    findings.push(about(name, 'not-locked', 'outdated', `version ${version} is new`, []));
  }
  return findings;
}

function versionsOf({ versions }: LockedContract): number[] {
  return Object.keys(versions).map(Number);
}

/** Handlers that say they use what is not there. */
function usesProblems(
  name: string,
  today: LockedContract,
  latest: number,
  consumers: readonly KnownConsumer[],
): ContractFinding[] {
  const newest = today.versions[latest]?.schema ?? true;
  return consumers.flatMap((consumer) =>
    (consumer.uses ?? [])
      .filter((field) => pathsNamed(newest, field).length === 0)
      .map((field) => {
        const older = Object.values(today.versions).some(
          ({ schema }) => pathsNamed(schema, field).length > 0,
        );
        return older
          ? about(name, 'used-field-removed', 'error', `${field} was removed, but is read`, [
              consumer,
            ])
          : about(name, 'unknown-field-used', 'error', `has no field ${field}`, [consumer]);
      }),
  );
}

function versionFindings(
  contract: MessageContract,
  today: LockedContract,
  locked: LockedContract | undefined,
  consumers: readonly KnownConsumer[],
): ContractFinding[] {
  const { name, compatibility: mode } = contract;
  const schemaOf = (version: number) => ({
    version,
    schema: today.versions[version]?.schema ?? true,
    reads: today.versions[version]?.reads,
  });
  const findings: ContractFinding[] = [];
  const numbers = Object.keys(today.versions).map(Number);
  for (const [older, newer] of pairsOf(numbers, mode)) {
    for (const direction of directionsOf(mode)) {
      const found = compareVersions(schemaOf(older), schemaOf(newer), direction);
      const isNew = locked?.versions[newer] === undefined;
      for (const each of found) {
        const told = asFinding(name, each, consumers, schemaOf(older).schema, isNew);
        if (told !== undefined) findings.push(told);
      }
    }
  }
  for (const version of numbers) {
    const failed = tryOut(contract, version, schemaOf(version).schema);
    if (failed !== undefined) {
      findings.push(about(name, 'old-version-unreadable', ...failed, consumers));
    }
  }
  return findings;
}

function asFinding(
  name: string,
  { rule, path, direction, writer, reader, breaking, message }: CompatibilityFinding,
  consumers: readonly KnownConsumer[],
  olderSchema: LockedContract['versions'][string]['schema'],
  isNew: boolean,
): ContractFinding | undefined {
  const place = { path, direction, versions: [writer, reader] as const };
  if (direction === 'backward') {
    const how = breaking ? `${message} unless it is raised, as the upcast does` : message;
    return { ...about(name, rule, 'note', how, []), ...place };
  }
  if (breaking) return { ...about(name, rule, 'error', message, consumers), ...place };
  const readers = readersOf(consumers, olderSchema, path);
  const severity = isNew && readers.length > 0 ? 'error' : 'note';
  return { ...about(name, rule, severity, message, readers), ...place };
}

/** Whether values of a version still get to today's handlers. */
function tryOut(
  contract: MessageContract,
  version: number,
  schema: Parameters<typeof tryVersion>[2],
): readonly ['error' | 'note', string] | undefined {
  try {
    const failed = tryVersion(contract, version, schema);
    if (failed === undefined) return undefined;
    const value = JSON.stringify(failed.value);
    return ['error', `data of version ${version}, such as ${value}, ${failed.problem}`];
  } catch (error) {
    if (!(error instanceof NoValueError)) throw error;
    // Its golden sample, which then needs an example, is all there is to go by.
    return ['note', `version ${version} cannot be tried with made-up data: ${error.message}`];
  }
}

function about(
  contract: string,
  rule: ContractRule,
  severity: ContractFinding['severity'],
  message: string,
  consumers: readonly KnownConsumer[],
): ContractFinding {
  return { contract, rule, severity, message, consumers: consumers.map(consumerName) };
}
