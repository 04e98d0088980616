import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { kafkaClassPath } from './kafka-jars.js';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

/** Who may log in on the listener that asks for it, by PLAIN and by SCRAM. */
export const KAFKA_USER = { username: 'alice', password: 'alice-secret' } as const;

/** Apache Kafka 4.x in KRaft mode: one node, loopback, throw-away data. */
export class RealKafka {
  private constructor(
    private readonly process: ChildProcess,
    private readonly directory: string,
    /** Bootstrap addresses. */
    readonly brokers: readonly string[],
    /** Where {@link KAFKA_USER} may log in. */
    readonly saslBrokers: readonly string[],
  ) {}

  /** @throws Error with the end of the server's log when it does not come up */
  static async start(): Promise<RealKafka> {
    const java = ['-cp', await kafkaClassPath()];
    const directory = await mkdtemp(join(tmpdir(), 'rookery-real-kafka-'));
    const [port, sasl, controller] = (await freePorts(3)) as [number, number, number];
    const properties = join(directory, 'kraft.properties');
    await writeFile(properties, propertiesOf({ port, sasl, controller }, directory));
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
      ...['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${KAFKA_USER.username},password=${KAFKA_USER.password}]`,
      ]),
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
    while (!(await accepts(port))) {
      if (server.exitCode !== null || Date.now() > deadline) {
        server.kill('SIGKILL');
        throw new Error(`Kafka did not start: ${log}`);
      }
      await pause(200);
    }
    return new RealKafka(server, directory, [`127.0.0.1:${port}`], [`127.0.0.1:${sasl}`]);
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

function propertiesOf(
  ports: Readonly<Record<'port' | 'sasl' | 'controller', number>>,
  directory: string,
): string {
  const listeners = `PLAINTEXT://127.0.0.1:${ports.port},SASL_PLAINTEXT://127.0.0.1:${ports.sasl}`;
  const { username, password } = KAFKA_USER;
  const modules = 'org.apache.kafka.common.security';
  return `
process.roles=broker,controller
node.id=1
listeners=${listeners},CONTROLLER://127.0.0.1:${ports.controller}
advertised.listeners=${listeners}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config=${modules}.plain.PlainLoginModule required user_${username}="${password}";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=${modules}.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=${modules}.scram.ScramLoginModule required;
controller.quorum.bootstrap.servers=127.0.0.1:${ports.controller}
log.dirs=${join(directory, 'data')}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
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
