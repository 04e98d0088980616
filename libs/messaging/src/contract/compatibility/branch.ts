import { canonical, type JsonType, type SchemaObject } from './json-schema.js';

/**
 * One alternative of what a writer may write: a single type, and everything that is certain about
 * its values. References, unions and intersections are resolved; `nodes` all hold at once.
 */
export interface WriterBranch {
  readonly type: JsonType;
  /** All possible values, when they are listed. */
  readonly values: readonly unknown[] | undefined;
  readonly nodes: readonly SchemaObject[];
}

/** All values of a keyword in the nodes of a branch. */
export function every<T>(
  { nodes }: WriterBranch,
  keyword: string,
  is: (value: unknown) => value is T,
): T[] {
  return nodes.map((node) => node[keyword]).filter(is);
}

/** Whether the branch holds by the same keyword and value. */
export function saysTheSame({ nodes }: WriterBranch, keyword: string, value: unknown): boolean {
  const text = canonical(value);
  return nodes.some((node) => keyword in node && canonical(node[keyword]) === text);
}
