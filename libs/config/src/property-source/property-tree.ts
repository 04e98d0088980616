import { isMap } from './plain-map.js';
import { parsePath, relaxed, type Segment } from './property-path.js';
import type { PropertySource } from './property-source.js';

/** A tree of plain values and where each came from. */
export interface PropertyTree {
  readonly values: Readonly<Record<string, unknown>>;
  /** Flat key in its relaxed form to the source, `config/orders.yml:3`. */
  readonly provenance: ReadonlyMap<string, string>;
}

/** A value with its source; a class, so that it is never taken for a map. */
class Leaf {
  constructor(
    readonly value: string | number | boolean,
    readonly source: string,
  ) {}
}

type Branch = Map<string, Node>;
type Node = Leaf | Branch | Node[];

/**
 * Merges sources, the first of which wins. Maps merge key by key, in relaxed form; a list is taken
 * whole from the first source that has it, as in Spring.
 */
export function mergeSources(sources: readonly PropertySource[]): PropertyTree {
  const root: Branch = new Map();
  for (const source of [...sources].reverse()) mergeInto(root, branchOf(source));
  const provenance = new Map<string, string>();
  return { values: toPlain(root, '', provenance) as Record<string, unknown>, provenance };
}

function branchOf(source: PropertySource): Branch {
  const root: Branch = new Map();
  for (const [key, { value, origin }] of source.properties) {
    const line = origin?.split(':', 1)[0];
    const leaf = new Leaf(value, line === undefined ? source.name : `${source.name}:${line}`);
    insert(root, parsePath(key, source.name), leaf);
  }
  return root;
}

function insert(root: Branch, path: readonly Segment[], leaf: Leaf): void {
  let node: Branch | Node[] = root;
  for (const [depth, segment] of path.entries()) {
    const following = path[depth + 1];
    const existing = get(node, segment);
    if (following === undefined) {
      if (!(existing instanceof Map) && !Array.isArray(existing)) set(node, segment, leaf);
      return;
    }
    const isList = typeof following === 'number';
    const fits = isList ? Array.isArray(existing) : existing instanceof Map;
    const next: Branch | Node[] = fits ? (existing as Branch | Node[]) : isList ? [] : new Map();
    if (!fits) set(node, segment, next);
    node = next;
  }
}

function get(node: Branch | Node[], segment: Segment): Node | undefined {
  if (Array.isArray(node)) return typeof segment === 'number' ? node[segment] : undefined;
  return node.get(nameIn(node, String(segment)));
}

function set(node: Branch | Node[], segment: Segment, value: Node): void {
  if (Array.isArray(node)) {
    if (typeof segment === 'number') node[segment] = value;
  } else {
    node.set(nameIn(node, String(segment)), value);
  }
}

/** The spelling that a map uses already for a key of the same relaxed form. */
function nameIn(branch: Branch, key: string): string {
  if (branch.has(key)) return key;
  const wanted = relaxed(key);
  for (const name of branch.keys()) if (relaxed(name) === wanted) return name;
  return key;
}

function mergeInto(target: Branch, higher: Branch): void {
  for (const [key, node] of higher) {
    const name = nameIn(target, key);
    const below = target.get(name);
    if (below instanceof Map && node instanceof Map) mergeInto(below, node);
    else target.set(name, node);
  }
}

function toPlain(node: Node | undefined, path: string, provenance: Map<string, string>): unknown {
  if (node === undefined) return undefined;
  if (node instanceof Leaf) {
    provenance.set(relaxed(path), node.source);
    return node.value;
  }
  if (Array.isArray(node)) {
    return Array.from(node, (item, index) => toPlain(item, `${path}[${index}]`, provenance));
  }
  const plain: Record<string, unknown> = {};
  for (const [key, item] of node) {
    const name = /[.[\]]/.test(key) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    plain[key] = toPlain(item, name, provenance);
  }
  return plain;
}

/** The value at a path, keys compared in relaxed form. */
export function valueAt(values: unknown, path: readonly Segment[]): unknown {
  let node = values;
  for (const segment of path) {
    if (Array.isArray(node)) node = typeof segment === 'number' ? node[segment] : undefined;
    else if (isMap(node)) {
      const wanted = relaxed(String(segment));
      const name = Object.hasOwn(node, segment)
        ? String(segment)
        : Object.keys(node).find((key) => relaxed(key) === wanted);
      node = name === undefined ? undefined : node[name];
    } else return undefined;
  }
  return node;
}
