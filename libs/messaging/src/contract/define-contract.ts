import { InvalidOptionError } from '@rookery/core';
import type {
  CommandContract,
  CommandOptions,
  Compatibility,
  EventContract,
  EventOptions,
  MessageContract,
  NewestOf,
  ReplyContract,
  ReplyOptions,
  Versions,
} from './contract.js';
import { rememberContract } from './known-contracts.js';
import { isTopicName } from './topic-name.js';
import { oneWayPlaces } from './wire-schema.js';

const NAME = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/;
const OWNER = /^[a-z][a-z0-9-]*$/;

/**
 * Declares an event: one place for its types, its topic, its key and all its versions.
 *
 * @throws InvalidOptionError when a name, a topic, a version or a schema is not usable
 */
export function defineEvent<const N extends string, const V extends Versions>(
  name: N,
  options: EventOptions<V>,
): EventContract<N, NewestOf<V>> {
  const { topic, key } = options;
  return freeze({ kind: 'event', ...shared(name, options), topic: checkTopic(name, topic), key });
}

/**
 * Declares a command and the replies it may get.
 *
 * @throws InvalidOptionError when a name, a topic, a version or a schema is not usable
 */
export function defineCommand<
  const N extends string,
  const V extends Versions,
  const R extends readonly ReplyContract[],
>(name: N, options: CommandOptions<V, R>): CommandContract<N, NewestOf<V>, R> {
  const topic = checkTopic(name, options.topic ?? `${options.owner}.commands`);
  const { key, replies } = options;
  return freeze({ kind: 'command', ...shared(name, options), topic, key, replies });
}

/**
 * Declares a reply. A refusal is an expected answer of the business, not an exception.
 *
 * @throws InvalidOptionError when a name, a version or a schema is not usable
 */
export function defineReply<const N extends string, const V extends Versions>(
  name: N,
  options: ReplyOptions<V>,
): ReplyContract<N, NewestOf<V>> {
  return freeze({ kind: 'reply', ...shared(name, options), outcome: options.outcome });
}

interface Shared<N> {
  readonly name: N;
  readonly owner: string;
  readonly versions: Versions;
  readonly latest: number;
  readonly compatibility: Compatibility;
  readonly upcast: Readonly<Record<number, (data: never) => unknown>>;
  readonly examples: Readonly<Record<number, unknown>>;
}

function shared<N extends string>(
  name: N,
  options: {
    readonly owner: string;
    readonly versions: Versions;
    readonly compatibility?: Compatibility;
    readonly upcast?: unknown;
    readonly examples?: Readonly<Record<number, unknown>>;
  },
): Shared<N> {
  const problems: string[] = [];
  if (!NAME.test(name)) {
    problems.push(`name: '${name}' is not allowed, expected '<context>.<what>' in kebab case`);
  }
  if (!OWNER.test(options.owner)) {
    problems.push(`owner: '${options.owner}' is not allowed, expected a service name`);
  }
  const numbers = Object.keys(options.versions)
    .map(Number)
    .sort((a, b) => a - b);
  const latest = numbers.at(-1) ?? 0;
  const first = numbers[0] ?? 0;
  if (!Number.isInteger(first) || first < 1) {
    problems.push('versions: expected at least one, numbered from 1');
  } else if (numbers.length !== latest - first + 1) {
    problems.push(`versions: ${numbers.join(', ')} have a gap, expected ${first} to ${latest}`);
  }
  const upcast = (options.upcast ?? {}) as Record<number, (data: never) => unknown>;
  for (const version of numbers) {
    problems.push(...describesJson(options.versions, version));
    if (version !== latest && typeof upcast[version] !== 'function') {
      problems.push(`upcast.${version}: is missing, expected a function to version ${version + 1}`);
    }
  }
  if (problems.length > 0) throw new InvalidOptionError(`contract ${name}`, problems);
  const { owner, versions, compatibility = 'FULL', examples = {} } = options;
  return { name, owner, versions, latest, compatibility, upcast, examples };
}

/** Data crosses the wire as JSON: a Date, a bigint or a transform would come back as another type. */
function describesJson(versions: Versions, version: number): string[] {
  const schema = versions[version];
  if (schema?.['~standard']?.version !== 1) {
    return [`versions.${version}: expected a Standard Schema`];
  }
  try {
    const places = oneWayPlaces(schema);
    if (places.length === 0) return [];
    const what = `${places.join(', ')} is written as something else than is read`;
    return [`versions.${version}: must describe JSON, ${what}`];
  } catch (error) {
    return [`versions.${version}: must describe JSON, ${(error as Error).message}`];
  }
}

function checkTopic(name: string, topic: string): string {
  if (isTopicName(topic)) return topic;
  throw new InvalidOptionError(`contract ${name}`, [
    `topic: '${topic}' is not allowed, expected up to 240 letters, digits, '.', '_' or '-'`,
  ]);
}

function freeze<T extends MessageContract>(contract: T): T {
  rememberContract(contract);
  return Object.freeze(contract);
}
