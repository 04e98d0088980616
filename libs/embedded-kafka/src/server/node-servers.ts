import type { Cluster } from '../cluster/cluster.js';
import type { ConnectionOptions } from './connection.js';
import { TcpServer } from './tcp-server.js';

/** Which connections are meant; all that is given must fit. */
export interface ConnectionFilter {
  readonly node?: number;
  readonly connection?: number;
  readonly clientId?: string;
}

/** What the nodes' servers need. */
export interface NodeServersOptions extends Omit<ConnectionOptions, 'node' | 'nextConnection'> {
  readonly host: string;
  /** Port of the first node, the others follow; 0 for free ones. */
  readonly port: number;
  readonly maxConnections: number;
  readonly cluster: Cluster;
}

/** The listening sockets of the virtual nodes. */
export class NodeServers {
  readonly #servers = new Map<number, TcpServer>();
  /** Ports once given; a node that comes back is where its clients look for it. */
  readonly #ports = new Map<number, number>();
  #connections = 0;
  #changes: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(private readonly options: NodeServersOptions) {}

  /** Starts all nodes. @throws PortInUseError or ListenError; nothing listens then */
  static async listen(options: NodeServersOptions): Promise<NodeServers> {
    const servers = new NodeServers(options);
    const { cluster, port, host } = options;
    const { ids } = cluster.nodes;
    try {
      await Promise.all(ids.map((id, at) => servers.#listen(id, port === 0 ? 0 : port + at)));
    } catch (error) {
      await servers.close();
      throw error;
    }
    cluster.join(...ids.map((nodeId) => ({ nodeId, host, port: servers.portOf(nodeId) })));
    return servers;
  }

  /** Where a node listens, or did before it was stopped. */
  portOf(id: number): number {
    return this.#ports.get(id) as number;
  }

  /** Takes a node down: its connections are cut and others take over. */
  stop(id: number): Promise<void> {
    return this.#inTurn(async () => {
      const server = this.#servers.get(id);
      if (server === undefined) return;
      this.#servers.delete(id);
      this.options.cluster.leave(id);
      await server.close();
    });
  }

  /** Brings a node back to its former port. @throws PortInUseError or ListenError */
  start(id: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed || this.#servers.has(id)) return;
      const port = this.portOf(id);
      await this.#listen(id, port);
      this.options.cluster.join({ nodeId: id, host: this.options.host, port });
    });
  }

  /** Cuts connections. @returns how many */
  disconnect(filter: ConnectionFilter = {}): number {
    let cut = 0;
    for (const [id, server] of this.#servers) {
      if (filter.node !== undefined && filter.node !== id) continue;
      cut += server.disconnect(
        (one) =>
          (filter.connection === undefined || filter.connection === one.id) &&
          (filter.clientId === undefined || filter.clientId === one.clientId),
      );
    }
    return cut;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#inTurn(async () => {
      await Promise.all([...this.#servers.values()].map((server) => server.close()));
    });
  }

  /** Stops and starts one after the other, so that none meets a node half way. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => {});
    return done;
  }

  async #listen(id: number, port: number): Promise<void> {
    const { host } = this.options;
    const server = await TcpServer.listen(host, port, {
      ...this.options,
      node: id,
      nextConnection: () => ++this.#connections,
    });
    this.#servers.set(id, server);
    this.#ports.set(id, server.port);
  }
}
