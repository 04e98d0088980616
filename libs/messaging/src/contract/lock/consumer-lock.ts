import { isWithin, pathsNamed } from '../compatibility/field-changes.js';
import type { JsonSchema } from '../compatibility/json-schema.js';

/** One handler that takes messages of a contract. */
export interface KnownConsumer {
  readonly service: string;
  /** The handler's name. */
  readonly consumer: string;
  /** Fields it reads, as `total.amount`; all when it does not say. */
  readonly uses?: readonly string[] | undefined;
}

/** Who takes a contract's messages, by the contract's name. */
export type KnownConsumers = Readonly<Record<string, readonly KnownConsumer[]>>;

/** How a consumer is called in a sentence. */
export function consumerName({ service, consumer }: KnownConsumer): string {
  return `${service}/${consumer}`;
}

/** The consumers that read a field, or something within it. */
export function readersOf(
  consumers: readonly KnownConsumer[],
  schema: JsonSchema,
  path: string,
): KnownConsumer[] {
  return consumers.filter(
    ({ uses }) =>
      uses === undefined ||
      uses.some((name) =>
        pathsNamed(schema, name).some((read) => isWithin(read, path) || isWithin(path, read)),
      ),
  );
}

/** The same consumers once each, in order: so are lock files. */
export function mergeConsumers(...lists: readonly KnownConsumers[]): KnownConsumers {
  const merged = new Map<string, Map<string, KnownConsumer>>();
  for (const list of lists) {
    for (const [contract, consumers] of Object.entries(list)) {
      const known = merged.get(contract) ?? new Map<string, KnownConsumer>();
      merged.set(contract, known);
      // The later list knows better.
      for (const each of consumers) known.set(consumerName(each), each);
    }
  }
  return Object.fromEntries(
    [...merged]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([contract, consumers]) => [
        contract,
        [...consumers.values()].sort((a, b) => (consumerName(a) < consumerName(b) ? -1 : 1)),
      ]),
  );
}
