import { environmentOf, resolveOptions, systemClock, type Environment } from '@rookery/core';
import { ProductionRefusedError } from './embedded-kafka.errors.js';
import { optionsSchema, type EmbeddedKafkaOptions } from './embedded-kafka.options.js';
import { Broker, NODE_ID } from './server/broker.js';
import { Faults, type FaultRule } from './server/fault.js';
import { RequestDispatcher } from './server/request-dispatcher.js';
import { allRoutes } from './server/all-routes.js';
import { TcpServer } from './server/tcp-server.js';
import { claimDirectory } from './storage/data-directory.js';

/**
 * A single-node broker that speaks the Kafka protocol (https://kafka.apache.org/protocol), for
 * development and tests: any Kafka client can produce, consume in groups and administer topics.
 * It keeps one copy, checks nobody and listens on loopback only; production wants a real cluster.
 */
export class EmbeddedKafka {
  /** Where clients connect: one `host:port`. */
  readonly brokers: readonly string[];
  #stopped: Promise<void> | undefined;

  private constructor(
    /** The port it listens on. */
    readonly port: number,
    private readonly parts: {
      host: string;
      server: TcpServer;
      broker: Broker;
      faults: Faults;
      release: () => void;
    },
  ) {
    const host = parts.host.includes(':') ? `[${parts.host}]` : parts.host;
    this.brokers = [`${host}:${port}`];
  }

  /**
   * Starts a broker; resolves when it accepts connections and all kept data is loaded.
   *
   * @throws ProductionRefusedError when NODE_ENV or ROOKERY_PROFILE is `production`
   * @throws InvalidOptionError for a wrong or unknown option, a host beyond loopback among them
   * @throws PortInUseError when the port is taken
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
    const resolved = resolveOptions(optionsSchema, plain, 'EmbeddedKafka.start()');
    const { dataDirectory, host } = resolved;
    const release = dataDirectory === undefined ? () => {} : claimDirectory(dataDirectory);
    let broker: Broker | undefined;
    try {
      broker = Broker.open(resolved, clock, log);
      const faults = new Faults();
      const routes = allRoutes(broker, log);
      const server = await TcpServer.listen(host, resolved.port, {
        dispatcher: new RequestDispatcher(routes, faults, clock),
        maxRequestBytes: resolved.maxRequestBytes,
        maxConnections: resolved.maxConnections,
        log,
      });
      broker.endpoint = { nodeId: NODE_ID, host, port: server.port };
      log(`Kafka for development on ${host}:${server.port}, not for production`);
      return new EmbeddedKafka(server.port, { host, server, broker, faults, release });
    } catch (error) {
      await broker?.close();
      release();
      throw error;
    }
  }

  /**
   * Makes requests go wrong, for tests of what a client does then.
   *
   * @returns a function that ends the rule
   */
  fault(rule: FaultRule): () => void {
    return this.parts.faults.add(rule);
  }

  /** Closes all connections and leaves the data on disk. Further calls wait for the same stop. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { server, broker, release } = this.parts;
    try {
      await server.close();
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
