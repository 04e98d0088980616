import { trafficOf, type Traffic } from './traffic.js';

interface Module {
  readonly imports?: readonly unknown[];
  readonly providers?: readonly unknown[];
  readonly controllers?: readonly unknown[];
}

type Class = abstract new (...args: never[]) => unknown;

/**
 * Which messages the classes of a Nest module take and send, and those of all modules it imports:
 * read from the decorators, with nothing instantiated and nothing started.
 */
export async function trafficOfModule(module: unknown): Promise<Traffic> {
  const classes = new Set<Class>();
  await collect(module, classes, new Set());
  const all = [...classes].map((type) => trafficOf(type.prototype as object));
  return {
    handles: all.flatMap(({ handles }) => handles),
    sends: [...new Set(all.flatMap(({ sends }) => sends))],
  };
}

async function collect(entry: unknown, classes: Set<Class>, seen: Set<unknown>): Promise<void> {
  const module = forwarded(await entry);
  if (module === undefined || module === null || seen.has(module)) return;
  seen.add(module);
  const dynamic = typeof module === 'object' ? (module as Module & { module?: Class }) : {};
  const type = typeof module === 'function' ? (module as Class) : dynamic.module;
  for (const part of [declared(type), dynamic]) {
    for (const provider of [...(part.providers ?? []), ...(part.controllers ?? [])]) {
      const found = classOf(provider);
      if (found !== undefined) classes.add(found);
    }
    for (const imported of part.imports ?? []) await collect(imported, classes, seen);
  }
  if (type !== undefined && type !== module) await collect(type, classes, seen);
}

/** What `@Module` has noted on a class. */
function declared(type: Class | undefined): Module {
  if (type === undefined) return {};
  const read = (key: string): readonly unknown[] | undefined =>
    Reflect.getMetadata(key, type) as readonly unknown[] | undefined;
  return {
    imports: read('imports') ?? [],
    providers: read('providers') ?? [],
    controllers: read('controllers') ?? [],
  };
}

function forwarded(entry: unknown): unknown {
  const { forwardRef } = (entry ?? {}) as { forwardRef?: () => unknown };
  return typeof forwardRef === 'function' ? forwardRef() : entry;
}

function classOf(provider: unknown): Class | undefined {
  if (typeof provider === 'function') return provider as Class;
  const { useClass } = (provider ?? {}) as { useClass?: Class };
  return typeof useClass === 'function' ? useClass : undefined;
}
