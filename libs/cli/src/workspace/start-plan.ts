import { CommandError } from '../cli.errors.js';
import type { RookeryFile } from './rookery-file.js';

/** What a run shall contain. */
export interface PlanOptions {
  /** Only these apps, and what they depend on. All when absent. */
  readonly only?: readonly string[] | undefined;
  /** How many instances of an app, 1 when absent. */
  readonly instances?: ReadonlyMap<string, number> | undefined;
}

/** One app of a run. */
export interface PlannedApp {
  readonly app: string;
  /** Names of its instances: `orders-1`, `orders-2`. */
  readonly instances: readonly string[];
  /** Apps of this run that must be ready before it starts. */
  readonly waitsFor: readonly string[];
}

/**
 * The apps of a run in an order in which each comes after all it waits for.
 *
 * @throws CommandError on an unknown app or a circular dependency
 */
export function planStart(file: RookeryFile, options: PlanOptions = {}): PlannedApp[] {
  for (const name of [...(options.only ?? []), ...(options.instances?.keys() ?? [])]) {
    requireApp(file, name);
  }
  const selected = selectApps(file, options.only);
  const planned: PlannedApp[] = [];
  const open: string[] = [];
  const visit = (app: string): void => {
    if (planned.some((done) => done.app === app)) return;
    if (open.includes(app)) {
      throw new CommandError(
        `rookery.json: ${[...open.slice(open.indexOf(app)), app].join(' -> ')} wait for each other`,
        'remove one of these from dependsOn or after',
      );
    }
    open.push(app);
    const waitsFor = predecessors(file, app).filter((name) => selected.has(name));
    waitsFor.forEach(visit);
    open.pop();
    const count = options.instances?.get(app) ?? 1;
    const instances = Array.from({ length: count }, (_, index) => `${app}-${index + 1}`);
    planned.push({ app, instances, waitsFor });
  };
  selected.forEach(visit);
  return planned;
}

function requireApp(file: RookeryFile, name: string): void {
  if (name in file.apps) return;
  throw new CommandError(
    `unknown app ${name || "''"}`,
    `use one of ${Object.keys(file.apps).join(', ')}`,
  );
}

function selectApps(file: RookeryFile, only: readonly string[] | undefined): Set<string> {
  if (only === undefined) return new Set(Object.keys(file.apps));
  const selected = new Set<string>();
  const add = (app: string): void => {
    if (selected.has(app)) return;
    selected.add(app);
    file.apps[app]?.dependsOn.forEach(add);
  };
  only.forEach(add);
  return selected;
}

function predecessors(file: RookeryFile, app: string): string[] {
  const { dependsOn = [], after = [] } = file.apps[app] ?? {};
  const others = Object.keys(file.apps).filter((name) => !file.apps[name]?.after.includes('*'));
  const expanded = after.flatMap((name) => (name === '*' ? others : [name]));
  return [...new Set([...dependsOn, ...expanded])];
}
