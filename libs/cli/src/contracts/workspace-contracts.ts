import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MessageContract } from '@rookery/messaging';
import type { KnownConsumers, LockFolder, Traffic } from '@rookery/messaging/contracts';
import { CommandError } from '../cli.errors.js';
import type { Workspace } from '../workspace/rookery-file.js';

/** What the apps of a workspace say to each other. */
export interface WorkspaceContracts {
  readonly contracts: readonly MessageContract[];
  readonly folder: LockFolder;
  /** Handlers of the apps here, and those of others that the lock file names. */
  readonly consumers: KnownConsumers;
  /** What each app with messages takes and sends. */
  readonly traffic: ReadonlyMap<string, Traffic>;
}

type Exports = Readonly<Record<string, unknown>>;

/**
 * Imports the packages that `rookery.json` names as contracts, and the modules of the apps, whose
 * decorators say who takes what. Nothing of the apps is started.
 *
 * @throws CommandError when a package or a module cannot be imported
 */
export async function workspaceContracts({ root, file }: Workspace): Promise<WorkspaceContracts> {
  // Registers the compiler of sources; in a checkout it is there already.
  await import(new URL('../../runtime/source-hook.js', import.meta.url).href);
  const tools = await import('@rookery/messaging/contracts');
  const loaded = await Promise.all(file.contracts.map((each) => importPackage(join(root, each))));
  const found = loaded.flatMap((exports) => Object.values(exports)).filter(isContract);
  const consumers: Record<string, KnownConsumers[string][number][]> = {};
  const traffic = new Map<string, Traffic>();
  for (const [app, { kafka }] of Object.entries(file.apps)) {
    if (!kafka) continue;
    const own = await tools.trafficOfModule({ imports: await appModules(root, app) });
    traffic.set(app, own);
    for (const { contract, consumer, uses } of own.handles) {
      (consumers[contract.name] ??= []).push({ service: app, consumer, ...(uses && { uses }) });
    }
  }
  const folder = await lockFolder(root);
  // Of the apps here the code knows best; those of other repositories are only in the file.
  const elsewhere = Object.entries(folder.consumers()).map(
    ([name, all]) => [name, all.filter(({ service }) => !(service in file.apps))] as const,
  );
  const known = elsewhere.filter(([, all]) => all.length > 0);
  return {
    contracts: [...new Set(found)],
    folder,
    consumers: tools.mergeConsumers(Object.fromEntries(known), consumers),
    traffic,
  };
}

/** Where a workspace keeps what was released. */
export async function lockFolder(root: string): Promise<LockFolder> {
  const { LockFolder } = await import('@rookery/messaging/contracts');
  return new LockFolder(join(root, 'contracts'));
}

async function importPackage(folder: string): Promise<Exports> {
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) {
    throw new CommandError(
      `${folder} is no package`,
      "name the folders of the contracts' packages as contracts in rookery.json",
    );
  }
  const { exports, main } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    exports?: { '.'?: Record<string, string> | string };
    main?: string;
  };
  const door = exports?.['.'];
  const source = typeof door === 'object' ? door['rookery:source'] : undefined;
  const entry =
    source !== undefined && existsSync(join(folder, source))
      ? source
      : ((typeof door === 'object' ? door.default : door) ?? main ?? 'index.js');
  return importFile(join(folder, entry));
}

/** The modules right in the sources of an app; features below are imported by them. */
async function appModules(root: string, app: string): Promise<unknown[]> {
  const files = globSync(`apps/${app}/src/*.module.ts`, { cwd: root }).sort();
  const all = await Promise.all(files.map((path) => importFile(join(root, path))));
  return all
    .flatMap((exports) => Object.values(exports))
    .filter((each) => typeof each === 'function');
}

async function importFile(path: string): Promise<Exports> {
  try {
    return (await import(pathToFileURL(path).href)) as Exports;
  } catch (error) {
    throw new CommandError(`${path} cannot be imported`, (error as Error).message);
  }
}

function isContract(value: unknown): value is MessageContract {
  const { kind, versions, latest } = (value ?? {}) as Partial<MessageContract>;
  return (
    (kind === 'event' || kind === 'command' || kind === 'reply') &&
    typeof versions === 'object' &&
    typeof latest === 'number'
  );
}
