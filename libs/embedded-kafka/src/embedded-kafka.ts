import { environmentOf, resolveOptions, systemClock, type Environment } from '@rookery/core';
import { ProductionRefusedError } from './embedded-kafka.errors.js';
import { optionsSchema, type EmbeddedKafkaOptions } from './embedded-kafka.options.js';
import { FaultRules, type FaultRule, type Heal } from './fault/fault.js';
import { KafkaFaults } from './fault/kafka-faults.js';
import { SlowDisk } from './fault/slow-disk.js';
import { Credentials } from './sasl/credentials.js';
import { allRoutes } from './server/all-routes.js';
import { Broker } from './server/broker.js';
import { NodeServers } from './server/node-servers.js';
import { RequestDispatcher } from './server/request-dispatcher.js';
import { claimDirectory } from './storage/data-directory.js';

/**
 * A broker that speaks the Kafka protocol (https://kafka.apache.org/protocol), for development and
 * tests: any Kafka client can produce, consume in groups and administer topics. With `nodes` it
 * passes for a cluster. It keeps one copy and listens on loopback only; production wants a real
 * cluster.
 */
export class EmbeddedKafka {
  /** Where clients connect: `host:port` of each node, also of those that are stopped. */
  readonly brokers: readonly string[];
  /** The port of the first node. */
  readonly port: number;
  /** What can be made to go wrong. */
  readonly faults: KafkaFaults;
  #stopped: Promise<void> | undefined;

  private constructor(
    private readonly parts: {
      host: string;
      servers: NodeServers;
      broker: Broker;
      faults: KafkaFaults;
      release: () => void;
    },
  ) {
    const { servers, broker, faults } = parts;
    const host = parts.host.includes(':') ? `[${parts.host}]` : parts.host;
    const ports = broker.cluster.nodes.ids.map((id) => servers.portOf(id));
    this.brokers = ports.map((port) => `${host}:${port}`);
    this.port = ports[0] as number;
    this.faults = faults;
  }

  /**
   * Starts a broker; resolves when it accepts connections and all kept data is loaded.
   *
   * @throws ProductionRefusedError when NODE_ENV or ROOKERY_PROFILE is `production`
   * @throws InvalidOptionError for a wrong or unknown option, a host beyond loopback among them
   * @throws PortInUseError when a port is taken
   * @throws ListenError when it cannot listen for another reason
   * @throws DataDirectoryError when the directory is in use or unreadable
   */
  static async start(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
    const {
      log = () => {},
      clock = systemClock,
      environment = environmentOf('embedded-kafka'),
      ...plain
    } = options;
    refuseProduction(environment);
    const place = 'EmbeddedKafka.start()';
    const { sasl, topics, ...resolved } = resolveOptions(optionsSchema, plain, place);
    const { dataDirectory, host } = resolved;
    const release = dataDirectory === undefined ? () => {} : claimDirectory(dataDirectory);
    let broker: Broker | undefined;
    try {
      broker = Broker.open(resolved, clock, log);
      const { cluster } = broker;
      const rules = new FaultRules();
      const disk = new SlowDisk(clock, resolved.fsync);
      const routes = allRoutes(broker, log, disk);
      const servers = await NodeServers.listen({
        ...resolved,
        cluster,
        dispatcher: new RequestDispatcher(routes, rules, clock, () => cluster.nodes.live),
        credentials: sasl && new Credentials(sasl.mechanisms, sasl.users),
        log,
      });
      for (const [name, partitions] of Object.entries(topics)) {
        if (broker.topics.get(name) === undefined) broker.topics.create(name, partitions, {});
      }
      const faults = new KafkaFaults({ rules, broker, servers, disk, clock });
      const started = new EmbeddedKafka({ host, servers, broker, faults, release });
      log(`Kafka for development on ${started.brokers.join(', ')}, not for production`);
      return started;
    } catch (error) {
      await broker?.close();
      release();
      throw error;
    }
  }

  /**
   * Makes requests go wrong, by a function that decides on each; {@link faults} has more.
   *
   * @returns a function that ends the rule
   */
  fault(rule: FaultRule): Heal {
    return this.faults.rule(rule);
  }

  /** Closes all connections and leaves the data on disk. Further calls wait for the same stop. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { servers, broker, faults, release } = this.parts;
    faults.close();
    try {
      await servers.close();
      await broker.close();
    } finally {
      release();
    }
  }
}

function refuseProduction(environment: Environment): void {
  for (const variable of ['NODE_ENV', 'ROOKERY_PROFILE']) {
    const value = environment[variable];
    if (value === 'production') throw new ProductionRefusedError(variable, value);
  }
}
