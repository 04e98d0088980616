import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** An app of a fixture workspace. */
export interface FixtureApp {
  readonly dependsOn?: readonly string[];
  readonly after?: readonly string[];
  /** Answers that it is ready only after a request to `/open`. */
  readonly closed?: boolean;
  /** Does not end on SIGTERM. */
  readonly stubborn?: boolean;
}

/** A workspace of small real services, made for one test. */
export class FixtureWorkspace {
  private constructor(
    readonly root: string,
    /** The port each app wants. */
    readonly ports: Readonly<Record<string, number>>,
  ) {}

  /** Writes it to a new folder. Its packages are those of this repository. */
  static async create(apps: Readonly<Record<string, FixtureApp>>): Promise<FixtureWorkspace> {
    const root = mkdtempSync(join(tmpdir(), 'rookery-fixture-'));
    const names = Object.keys(apps);
    const free = await freePorts(names.length);
    const ports = Object.fromEntries(names.map((name, index) => [name, free[index] ?? 0]));
    const workspace = new FixtureWorkspace(root, ports);
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
    workspace.write('package-lock.json', '{}');
    workspace.write('libs/words/src/greeting.ts', `export const greeting: string = 'hello';\n`);
    for (const [name, app] of Object.entries(apps)) {
      workspace.write(`apps/${name}/src/main.ts`, service(name, app));
    }
    const entries = names.map((name) => {
      const { dependsOn = [], after = [] } = apps[name] ?? {};
      return [name, { port: ports[name], dependsOn, after }];
    });
    workspace.write('rookery.json', JSON.stringify({ apps: Object.fromEntries(entries) }));
    return workspace;
  }

  /** Writes a file of it. */
  write(path: string, text: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** The answer of an app at the port it wants. */
  async ask(app: string, path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.ports[app]}${path}`)).text();
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Ports that nobody has now; taken together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function service(name: string, { closed = false, stubborn = false }: FixtureApp): string {
  return `import { createServer } from 'node:http';
import { environmentOf, isHosted, joinHost } from '@rookery/core';
import { greeting } from '../../../libs/words/src/greeting.js';

const environment = environmentOf('${name}');
const say = (msg: string): void =>
  console.log(JSON.stringify({ level: 'info', service: '${name}', instance: environment.ROOKERY_INSTANCE, msg }));
let open = ${String(!closed)};
const server = createServer((request, response) => {
  if (request.url === '/open') open = true;
  if (request.url === '/crash') {
    say('about to crash');
    process.exit(7);
  }
  if (request.url === '/manage/health/ready') {
    if (!open) say('asked too early');
    response.statusCode = open ? 200 : 503;
  }
  response.end(JSON.stringify({ pid: process.pid, greeting, instance: environment.ROOKERY_INSTANCE, url: import.meta.url }));
});
await new Promise<void>((resolve) => server.listen(Number(environment.PORT), '127.0.0.1', resolve));
say('listening');
const stop = async (): Promise<void> => {
  say('stopping');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
};
if (isHosted()) joinHost('${name}', stop);
else process.on('SIGTERM', () => ${stubborn ? "say('not now')" : 'void stop().then(() => process.exit(0))'});
`;
}
