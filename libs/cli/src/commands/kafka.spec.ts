import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CliProcess } from '../testing/cli-process.js';
import { FixtureWorkspace } from '../testing/fixture-workspace.js';
import { isPortFree } from '../ports/free-port.js';

const PASSWORD = 'secret:word';

async function fixture(): Promise<FixtureWorkspace> {
  const workspace = await FixtureWorkspace.create({});
  onTestFinished(() => workspace.remove());
  return workspace;
}

/** The first of three ports in a row that nobody has. */
async function freePorts(): Promise<number> {
  for (let port = 20_000 + (process.pid % 5_000) * 3; ; port += 3) {
    const free = await Promise.all([port, port + 1, port + 2].map(isPortFree));
    if (free.every(Boolean)) return port;
  }
}

/** Starts it at free ports, and stops it with the test. */
async function start(root: string, ...argv: string[]) {
  const port = await freePorts();
  const cli = CliProcess.start(root, 'kafka', '--port', `${port}`, ...argv);
  onTestFinished(async () => {
    cli.child.kill('SIGTERM');
    await cli.exit;
  });
  const { msg = '' } = await cli.line((line) => line.msg?.startsWith('serving') ?? false);
  return { cli, port, brokers: msg.split(' on ')[1]?.split(',') ?? [] };
}

async function admin(brokers: string[], password?: string): Promise<Admin> {
  const client = new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    ...(password !== undefined && {
      sasl: { mechanism: 'scram-sha-256', username: 'alice', password },
    }),
  }).admin();
  onTestFinished(() => client.disconnect());
  await client.connect();
  return client;
}

describe('rookery kafka', () => {
  it('has the nodes, topics and users that are asked for', async () => {
    const workspace = await fixture();
    const { root } = workspace;
    workspace.write('users', `# who may connect\nalice:${PASSWORD}\n`);
    const users = join(root, 'users');
    chmodSync(users, 0o600);
    const argv = ['--nodes', '3', '--topics', 'orders:6,payments', '--users', users];
    const { cli, port, brokers } = await start(root, '--memory', ...argv);
    expect(brokers).toEqual([0, 1, 2].map((n) => `127.0.0.1:${port + n}`));
    const client = await admin(brokers, PASSWORD);
    expect((await client.describeCluster()).brokers).toHaveLength(3);
    const { topics } = await client.fetchTopicMetadata();
    expect(topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['orders', 6],
      ['payments', 1],
    ]);
    await expect(admin(brokers, 'another')).rejects.toThrow(/invalid credentials/);
    expect(cli.said()).not.toContain(PASSWORD);
  });

  it('keeps its data where it is told to, for the next start', async () => {
    const { root } = await fixture();
    const data = join(root, 'elsewhere');
    const first = await start(root, '--data', data, '--topics', 'kept:2');
    first.cli.child.kill('SIGTERM');
    expect(await first.cli.exit, first.cli.said()).toBe(0);
    expect(existsSync(join(root, '.rookery', 'kafka'))).toBe(false);
    const second = await start(root, '--data', data);
    expect(await (await admin(second.brokers)).listTopics()).toEqual(['kept']);
  });

  it.each([
    [['--nodes', '10'], '--nodes 10 is not allowed: use 1 to 9'],
    [['--nodes', 'x'], '--nodes x is not allowed: use 1 to 9'],
    [['--port', '0'], '--port 0 is no port: use 1 to 65535'],
    [['--memory', '--data', 'x'], '--memory keeps nothing in --data: leave one of them out'],
    [['--topics', 'a b'], "--topics: 'a b' is no topic: use name or name:partitions"],
    [['--topics', 'a:0'], "--topics: 'a:0' is no topic: use name or name:partitions"],
    [['--users', 'none'], 'there is no file none: write name:password lines into it'],
    [['--users', 'open'], 'others can read the passwords in open: chmod 600 open'],
    [['--users', 'wrong'], 'entry 2 of wrong is no user: use name:password'],
    [['--users', 'empty'], 'empty names no user: use name:password'],
  ])('%j is refused in one line', async (argv, message) => {
    const workspace = await fixture();
    workspace.write('open', `alice:${PASSWORD}`);
    workspace.write('wrong', `alice:x\n${PASSWORD.replace(':', '')}`);
    workspace.write('empty', '\n');
    chmodSync(join(workspace.root, 'open'), 0o644);
    for (const name of ['wrong', 'empty']) chmodSync(join(workspace.root, name), 0o600);
    const { code, cli } = await CliProcess.run(workspace.root, 'kafka', ...argv);
    expect(code).toBe(1);
    expect(cli.errors).toBe(`rookery: ${message}\n`);
  });
});
