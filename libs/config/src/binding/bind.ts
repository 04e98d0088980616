import { InvalidOptionError, type Environment } from '@rookery/core';
import type { z } from 'zod';
import { formatPath, parsePath, relaxed, type Segment } from '../property-source/property-path.js';
import { deepFreeze } from '../store/deep-freeze.js';
import { valueAt } from '../property-source/property-tree.js';
import type { ConfigSnapshot } from '../store/config-snapshot.js';
import { environmentNames, overlayEnvironment } from './environment-overlay.js';
import { normalise } from './normalise.js';
import { schemaNode } from './schema-node.js';

/** A validated namespace. */
export interface Bound<T> {
  readonly value: T;
  /** Relaxed flat key to the variable it came from, for keys set by the environment. */
  readonly fromEnvironment: ReadonlyMap<string, string>;
}

/** What a namespace is bound from. */
export interface BindingSource {
  readonly app: string;
  readonly snapshot: ConfigSnapshot;
  readonly environment: Environment;
}

/**
 * Reads, overlays, validates and freezes the namespace at `path`.
 *
 * @throws InvalidOptionError naming key, value, source and what is allowed
 */
export function bind<S extends z.ZodType>(
  source: BindingSource,
  path: string,
  schema: S,
): Bound<z.output<S>> {
  const segments = parsePath(path, path);
  const fromEnvironment = new Map<string, string>();
  const raw = valueAt(source.snapshot.values, segments);
  const overlaid = overlayEnvironment(schema, raw, segments, source.environment, fromEnvironment);
  const input = normalise(schema, overlaid) ?? absent(schema);
  const result = schema.safeParse(input);
  if (result.success) return { value: deepFreeze(result.data), fromEnvironment };
  const describe = (key: string): string | undefined =>
    sourceOf(key, fromEnvironment, source.snapshot.provenance);
  throw new InvalidOptionError(
    `configuration of ${source.app}`,
    result.error.issues.flatMap((issue) => explain(issue, input, segments, describe)),
  );
}

/** What stands for a namespace nobody wrote: an empty map, unless the schema takes nothing at all. */
function absent(schema: z.ZodType): unknown {
  const { kind } = schemaNode(schema);
  const isMapLike = kind === 'map' || kind === 'record';
  return isMapLike && !schema.safeParse(undefined).success ? {} : undefined;
}

/** The source of a key, or of the nearest list or map around it that came from one place. */
export function sourceOf(
  key: string,
  ...provenances: readonly ReadonlyMap<string, string>[]
): string | undefined {
  const wanted = relaxed(key);
  for (const provenance of provenances) {
    const exact = provenance.get(wanted);
    if (exact !== undefined) return exact;
    for (let end = lastCut(wanted); end > 0; end = lastCut(wanted.slice(0, end))) {
      const around = provenance.get(wanted.slice(0, end));
      if (around !== undefined) return around;
    }
  }
  for (const provenance of provenances) {
    for (const [name, source] of provenance) {
      if (name.startsWith(`${wanted}.`) || name.startsWith(`${wanted}[`)) return source;
    }
  }
  return undefined;
}

const lastCut = (key: string): number => Math.max(key.lastIndexOf('.'), key.lastIndexOf('['));

const SECRET = /secret|password|token|credential|cipher|private/i;

function explain(
  issue: z.core.$ZodIssue,
  input: unknown,
  prefix: readonly Segment[],
  describe: (key: string) => string | undefined,
): string[] {
  const path = issue.path.map((each) => (typeof each === 'symbol' ? String(each) : each));
  const key = formatPath([...prefix, ...path]);
  const set = (name: string): string => {
    const source = describe(name);
    return source === undefined ? '' : ` (set by ${source})`;
  };
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((each) => {
      const name = formatPath([...prefix, ...path, each]);
      return `${name}: unknown option${set(name)}`;
    });
  }
  const value = path.reduce<unknown>(
    (node, each) => (node as Record<PropertyKey, unknown> | undefined)?.[each],
    input,
  );
  const message = issue.message.replace(/^Invalid input: /, '');
  if (value === undefined) {
    const expected = message.replace(/, received undefined$/, '');
    const [variable] = environmentNames([...prefix, ...path]);
    return [`${key}: is missing, ${expected}; set it in a file or as ${variable}`];
  }
  return [`${key}: ${show(value, key)} is not allowed, ${message}${set(key)}`];
}

function show(value: unknown, key: string): string {
  if (SECRET.test(key)) return '******';
  const text = JSON.stringify(value, (name, inner: unknown) => {
    if (SECRET.test(name)) return '******';
    return typeof inner === 'bigint' ? String(inner) : inner;
  });
  const masked = (text ?? String(value)).replace(/\/\/[^/@\s"]*@/g, '//******@');
  return masked.length > 80 ? `${masked.slice(0, 77)}...` : masked;
}
