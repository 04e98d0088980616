import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunState } from '../run/run-state.js';
import { CliProcess } from '../testing/cli-process.js';
import { FixtureWorkspace, type FixtureApp } from '../testing/fixture-workspace.js';

const workspaces: FixtureWorkspace[] = [];
const running: CliProcess[] = [];

beforeEach(() => vi.setConfig({ testTimeout: 60_000 }));

afterEach(async () => {
  for (const cli of running.splice(0)) {
    cli.child.kill('SIGTERM');
    await cli.exit;
  }
  for (const workspace of workspaces.splice(0)) workspace.remove();
});

async function fixture(apps: Readonly<Record<string, FixtureApp>>): Promise<FixtureWorkspace> {
  const workspace = await FixtureWorkspace.create(apps);
  workspaces.push(workspace);
  return workspace;
}

function start(workspace: FixtureWorkspace, ...argv: string[]): CliProcess {
  const cli = CliProcess.start(workspace.root, ...argv);
  running.push(cli);
  return cli;
}

function stateOf(workspace: FixtureWorkspace): RunState {
  return JSON.parse(
    readFileSync(join(workspace.root, '.rookery/run/state.json'), 'utf8'),
  ) as RunState;
}

/** Neither there nor waiting to be reaped. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('rookery up', () => {
  it('starts an app only when those it depends on are ready, and says what runs where', async () => {
    const workspace = await fixture({
      gateway: { after: ['*'] },
      first: { closed: true },
      second: { dependsOn: ['first'] },
    });
    const cli = start(workspace, 'up');
    const early = ({ msg }: { msg?: string }): boolean => msg === 'asked too early';
    await cli.line(early);
    const asked = cli.lines.findIndex(early) + 1;
    await cli.line(early, asked);
    expect(cli.indexOf('second', 'listening')).toBe(-1);
    expect(cli.indexOf('gateway', 'listening')).toBe(-1);
    await workspace.ask('first', '/open');

    const summary = await cli.ready();
    expect(cli.indexOf('second', 'listening')).toBeGreaterThan(cli.indexOf('first', 'listening'));
    expect(cli.indexOf('gateway', 'listening')).toBeGreaterThan(cli.indexOf('second', 'listening'));
    expect(summary['processes']).toMatchObject(
      ['first', 'second', 'gateway'].map((app) => ({
        name: `${app}-1`,
        port: workspace.ports[app],
        state: 'ready',
      })),
    );
    expect(stateOf(workspace)).toMatchObject({ ready: true, mode: 'processes' });
  });

  it('stops in the reverse order at one Ctrl-C, kills what does not end, and leaves no process', async () => {
    const workspace = await fixture({
      first: {},
      stubborn: { dependsOn: ['first'], stubborn: true },
      last: { dependsOn: ['stubborn'] },
    });
    const cli = start(workspace, 'up');
    await cli.ready();
    const pids = stateOf(workspace).processes.map(({ pid }) => pid ?? 0);
    const since = performance.now();
    cli.child.kill('SIGINT');
    // npm passes the signal on that the terminal has sent already.
    cli.child.kill('SIGINT');

    expect(await cli.exit).toBe(0);
    expect(performance.now() - since).toBeLessThan(5_000);
    const order = [
      cli.indexOf('last', 'stopping'),
      cli.indexOf('stubborn', 'not now'),
      cli.indexOf('first', 'stopping'),
    ];
    expect(order[0]).toBeGreaterThan(0);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(join(workspace.root, '.rookery/run/state.json'))).toBe(false);
  });

  it('starts a crashed app again, later each time, and shows its last lines', async () => {
    const workspace = await fixture({ only: {} });
    const cli = start(workspace, 'up');
    await cli.ready();
    for (const wait of [200, 400]) {
      const before = cli.lines.length;
      await workspace.ask('only', '/crash').catch(() => undefined);
      const crash = await cli.line(({ msg }) => msg?.includes('ended by itself') ?? false, before);
      expect(crash).toMatchObject({ app: 'only-1', exit: 'exit code 7', restartInMs: wait });
      expect(String(crash['lastLines'])).toContain('about to crash');
      await cli.line(({ msg }) => msg === 'only-1 is ready again', before);
    }
    expect(stateOf(workspace).processes[0]).toMatchObject({ state: 'ready', restarts: 2 });
  });

  it('leaves no process behind when it is itself killed', async () => {
    const workspace = await fixture({ first: {}, second: {} });
    const cli = start(workspace, 'up');
    await cli.ready();
    const pids = stateOf(workspace).processes.map(({ pid }) => pid ?? 0);
    expect(pids.every(isAlive)).toBe(true);
    cli.child.kill('SIGKILL');
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 10_000 });
    const { code } = await CliProcess.run(workspace.root, 'status');
    expect(code).toBe(1);
  });

  it('takes the next free port and says so, unless the port was asked for by name', async () => {
    const workspace = await fixture({ only: {} });
    const wanted = workspace.ports['only'] ?? 0;
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(wanted, '127.0.0.1', resolve));
    try {
      const { code, cli: refused } = await CliProcess.run(
        workspace.root,
        'up',
        '--port',
        `only=${wanted}`,
      );
      expect(code).toBe(1);
      expect(refused.errors).toBe(
        `rookery: port ${wanted} for only is in use: stop the process that has it, or name another with --port\n`,
      );
      const cli = start(workspace, 'up');
      const notice = await cli.line(
        ({ msg }) => msg?.startsWith(`port ${wanted} is in use`) ?? false,
      );
      const summary = await cli.ready();
      expect(notice['port']).not.toBe(wanted);
      expect(summary['processes']).toMatchObject([{ port: notice['port'] }]);
    } finally {
      other.close();
    }
  });

  it('runs several instances of an app, each with a name and port of its own', async () => {
    const workspace = await fixture({ first: {}, second: {} });
    const cli = start(workspace, 'up', '--instances', 'first=2', '--only', 'first');
    const summary = await cli.ready();
    const rows = summary['processes'] as { name: string; port: number }[];
    expect(rows.map(({ name }) => name)).toEqual(['first-1', 'first-2']);
    const answers = await Promise.all(
      rows.map(async ({ port }) => (await fetch(`http://127.0.0.1:${port}/`)).json()),
    );
    expect(answers).toMatchObject([{ instance: 'first-1' }, { instance: 'first-2' }]);
    expect(cli.indexOf('second', 'listening')).toBe(-1);
  });

  it('runs all apps in one process, each with its own environment, and stops them in order', async () => {
    const workspace = await fixture({ first: {}, second: { dependsOn: ['first'] } });
    const cli = start(workspace, 'up', '--one');
    await cli.ready();
    const [first, second] = await Promise.all(
      ['first', 'second'].map(
        async (app) => JSON.parse(await workspace.ask(app, '/')) as { pid: number },
      ),
    );
    expect(first).toMatchObject({ instance: 'first-1' });
    expect(second).toMatchObject({ instance: 'second-1', pid: first?.pid });
    cli.child.kill('SIGINT');
    expect(await cli.exit).toBe(0);
    expect(cli.indexOf('second', 'stopping')).toBeGreaterThan(0);
    expect(cli.indexOf('first', 'stopping')).toBeGreaterThan(cli.indexOf('second', 'stopping'));
    expect(isAlive(first?.pid ?? 0)).toBe(false);
  });

  it('builds only when a source has changed, and keeps import.meta.url on the source', async () => {
    const workspace = await fixture({ only: {} });
    const manifest = join(workspace.root, '.rookery/build/manifest.json');
    const times: number[] = [];
    const greetings: unknown[] = [];
    for (const greeting of [undefined, undefined, 'changed']) {
      if (greeting !== undefined) {
        workspace.write('libs/words/src/greeting.ts', `export const greeting = '${greeting}';\n`);
      }
      const cli = start(workspace, 'up');
      await cli.ready();
      const answer = JSON.parse(await workspace.ask('only', '/')) as Record<string, string>;
      expect(answer['url']).toBe(new URL(`file://${workspace.root}/apps/only/src/main.ts`).href);
      greetings.push(answer['greeting']);
      times.push(statSync(manifest).mtimeMs);
      cli.child.kill('SIGTERM');
      await cli.exit;
    }
    expect(greetings).toEqual(['hello', 'hello', 'changed']);
    expect(times[1]).toBe(times[0]);
    expect(times[2]).toBeGreaterThan(times[1] ?? 0);
  });

  it('runs in the background, seen by status and ended by down', async () => {
    const workspace = await fixture({ only: {} });
    const up = await CliProcess.run(workspace.root, 'up', '--detach');
    expect({ code: up.code, errors: up.cli.errors }).toEqual({ code: 0, errors: '' });
    const status = await CliProcess.run(workspace.root, 'status', '--json');
    expect(status.code).toBe(0);
    expect(status.cli.lines[0]).toMatchObject({
      running: true,
      processes: [{ name: 'only-1', state: 'ready' }],
    });
    const again = await CliProcess.run(workspace.root, 'up');
    expect(again.code).toBe(1);
    expect(again.cli.errors).toMatch(
      /^rookery: this workspace runs already .*npx rookery down`\n$/,
    );
    const pid = stateOf(workspace).processes[0]?.pid ?? 0;
    const down = await CliProcess.run(workspace.root, 'down');
    expect(down.cli.lines).toEqual([{ msg: 'stopped' }]);
    expect(isAlive(pid)).toBe(false);
  });
});

describe('rookery dev', () => {
  it('runs from sources and restarts only the apps that a saved file is part of', async () => {
    const workspace = await fixture({ first: {}, second: {} });
    workspace.write('libs/words/src/other.ts', `export const greeting: string = 'other';\n`);
    const main = readFileSync(join(workspace.root, 'apps/second/src/main.ts'), 'utf8');
    workspace.write('apps/second/src/main.ts', main.replace('greeting.js', 'other.js'));
    const cli = start(workspace, 'dev');
    await cli.ready();
    const pidOf = async (app: string): Promise<number> =>
      (JSON.parse(await workspace.ask(app, '/')) as { pid: number }).pid;
    const [first, second] = [await pidOf('first'), await pidOf('second')];
    const before = cli.lines.length;

    const since = performance.now();
    workspace.write('libs/words/src/other.ts', `export const greeting: string = 'newer';\n`);
    await cli.line(({ msg }) => msg === 'second-1 is ready', before);
    const took = performance.now() - since;

    expect(JSON.parse(await workspace.ask('second', '/'))).toMatchObject({ greeting: 'newer' });
    expect(await pidOf('second')).not.toBe(second);
    expect(await pidOf('first')).toBe(first);
    expect(took).toBeLessThan(5_000);
  });
});

describe('what cannot be done', () => {
  it.each([
    [
      ['up', '--onl'],
      "unknown option '--onl' (Did you mean one of --one, --only?); see npx rookery --help",
    ],
    [['nonsense'], "unknown command 'nonsense'; see npx rookery --help"],
    [['up', '--only', 'missing'], 'unknown app missing: use one of only'],
    [['up', '--instances', 'only'], '--instances only is not understood: write it as orders=2'],
    [['up', '--instances', 'only=0'], '--instances only=0: use 1 to 20'],
    [
      ['up', '--instances', 'only=2', '--one'],
      '--instances needs a process for each instance: leave out --one, or --instances',
    ],
    [['up', '--port', 'only=70000'], '--port only=70000 is no port: use 1 to 65535'],
    [['up', '--log', 'loud'], '--log loud is unknown: use pretty or json'],
    [
      ['up', '--kafka', 'nowhere'],
      "'nowhere' is not the address of a broker: write it as host:port",
    ],
    [
      ['up', '--kafka', '127.0.0.1:1'],
      /^no Kafka broker answers at 127\.0\.0\.1:1: start it or mend/,
    ],
    [['up', '--pg', 'nowhere'], /^--pg is not the address of a PostgreSQL server: write it as/],
    [
      ['up', '--pg', 'postgres://a:secret-word@127.0.0.1:1/a'],
      /^no use of PostgreSQL at 127\.0\.0\.1:1: .*ECONNREFUSED/,
    ],
  ])('%j is refused in one line with exit code 1', async (argv, message) => {
    const workspace = await fixture({ only: {} });
    const { code, cli } = await CliProcess.run(workspace.root, ...argv);
    const [line = '', ...more] = cli.errors.trimEnd().split('\n');
    expect(code).toBe(1);
    expect(more).toEqual([]);
    expect(line.startsWith('rookery: ')).toBe(true);
    if (typeof message === 'string') expect(line.slice('rookery: '.length)).toBe(message);
    else expect(line.slice('rookery: '.length)).toMatch(message);
    expect(cli.said()).not.toContain('secret-word');
  });

  it('names the wrong key of rookery.json, and a place without one', async () => {
    const workspace = await fixture({ only: {} });
    workspace.write('rookery.json', '{"apps":{"only":{"port":1,"databas":true}}}');
    const wrong = await CliProcess.run(workspace.root, 'status');
    expect(wrong.code).toBe(1);
    expect(wrong.cli.errors).toMatch(/rookery\.json: apps\.only\.databas: unknown option\n$/);
    const nowhere = await CliProcess.run('/', 'up');
    expect(nowhere.code).toBe(1);
    expect(nowhere.cli.errors).toMatch(/^rookery: no rookery.json in \/ or above: run this inside/);
  });

  it('says what does not compile, and starts nothing', async () => {
    const workspace = await fixture({ only: {} });
    workspace.write(
      'apps/only/src/main.ts',
      `import { nothing } from '@rookery/core';\nnothing();\n`,
    );
    const { code, cli } = await CliProcess.run(workspace.root, 'up');
    expect(code).toBe(1);
    expect(cli.errors).toContain('rookery: the apps do not build: ');
    expect(cli.errors).toContain('"nothing" is not exported');
  });

  it('asks for the configuration folder before it starts anything', async () => {
    const workspace = await fixture({ 'config-server': {} });
    const { code, cli } = await CliProcess.run(workspace.root, 'up');
    expect(code).toBe(1);
    expect(cli.errors).toMatch(/^rookery: the configuration folder .*config is missing: .*\n$/);
  });

  it('says what a source imports and is not there, in place of starting apps that cannot run', async () => {
    const workspace = await fixture({ only: {} });
    workspace.write('apps/only/src/main.ts', `import '@rookery/nowhere';\n`);
    const { code, cli } = await CliProcess.run(workspace.root, 'up');
    expect(code).toBe(1);
    expect(cli.errors).toMatch(/^rookery: the apps do not build: .*@rookery\/nowhere/);
    expect(cli.errors).not.toMatch(/^ +at /m);
  });
});
