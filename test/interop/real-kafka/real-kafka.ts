import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const JARS = fileURLToPath(
  new URL('../../../node_modules/.cache/rookery/real-kafka', import.meta.url),
);
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

/** Why a real Kafka cannot be started here, or `undefined` if it can. */
export async function whyNoRealKafka(): Promise<string | undefined> {
  for (const [tool, flag] of [
    ['java', '-version'],
    ['mvn', '-version'],
  ] as const) {
    try {
      await run(tool, [flag]);
    } catch {
      return `${tool} is not installed`;
    }
  }
  try {
    await fetchJars();
    return undefined;
  } catch (error) {
    return `Maven could not fetch Kafka: ${(error as Error).message.split('\n')[0]}`;
  }
}

async function fetchJars(): Promise<void> {
  const complete = join(JARS, '.complete');
  const pom = join(HERE, 'pom.xml');
  const wanted = await readFile(pom, 'utf8');
  if (existsSync(complete) && (await readFile(complete, 'utf8')) === wanted) return;
  await rm(JARS, { recursive: true, force: true });
  await mkdir(JARS, { recursive: true });
  await run(
    'mvn',
    ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${JARS}`],
    { timeout: 600_000 },
  );
  await writeFile(complete, wanted);
}

/** Apache Kafka 4.x in KRaft mode: one node, loopback, throw-away data. */
export class RealKafka {
  private constructor(
    private readonly process: ChildProcess,
    private readonly directory: string,
    /** Bootstrap addresses. */
    readonly brokers: readonly string[],
  ) {}

  /** @throws Error with the end of the server's log when it does not come up */
  static async start(): Promise<RealKafka> {
    await fetchJars();
    const directory = await mkdtemp(join(tmpdir(), 'rookery-real-kafka-'));
    const [port, controllerPort] = await freePorts(2);
    const properties = join(directory, 'kraft.properties');
    await writeFile(properties, propertiesOf(port as number, controllerPort as number, directory));
    const java = ['-cp', join(JARS, '*')];
    const id = await run('java', [...java, 'kafka.tools.StorageTool', 'random-uuid']);
    await run('java', [
      ...java,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      id.stdout.trim().split('\n').at(-1) as string,
      '-c',
      properties,
      '--standalone',
    ]);
    const server = spawn(
      'java',
      ['-Xmx384m', '-XX:+UseSerialGC', ...java, 'kafka.Kafka', properties],
      { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let log = '';
    const keep = (chunk: Buffer): void => void (log = (log + chunk.toString()).slice(-8_192));
    server.stdout.on('data', keep);
    server.stderr.on('data', keep);
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await accepts(port as number))) {
      if (server.exitCode !== null || Date.now() > deadline) {
        server.kill('SIGKILL');
        throw new Error(`Kafka did not start: ${log}`);
      }
      await pause(200);
    }
    return new RealKafka(server, directory, [`127.0.0.1:${port}`]);
  }

  /** Stops the server and removes its data. */
  async stop(): Promise<void> {
    if (this.process.exitCode === null) {
      const exited = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGTERM');
      const giveUp = AbortSignal.timeout(STOP_TIMEOUT_MS);
      giveUp.addEventListener('abort', () => this.process.kill('SIGKILL'));
      await exited;
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

function propertiesOf(port: number, controllerPort: number, directory: string): string {
  return `
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
log.dirs=${join(directory, 'data')}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
`;
}

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
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
