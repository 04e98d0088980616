import { createServer, type AddressInfo, type Server } from 'node:net';
import { ListenError, PortInUseError } from '../embedded-kafka.errors.js';
import { Connection, type ConnectionOptions } from './connection.js';

/** Accepts connections until it is closed. */
export class TcpServer {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  private constructor(options: ConnectionOptions & { readonly maxConnections: number }) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const connection = new Connection(socket, options);
      this.#connections.add(connection);
      socket.on('close', () => this.#connections.delete(connection));
    });
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('drop', () =>
      options.log(`connection refused: maxConnections=${options.maxConnections} reached`),
    );
  }

  /** @throws PortInUseError or ListenError */
  static async listen(
    host: string,
    port: number,
    options: ConnectionOptions & { readonly maxConnections: number },
  ): Promise<TcpServer> {
    const server = new TcpServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'EADDRINUSE'
            ? new PortInUseError(host, port, error)
            : new ListenError(host, port, error),
        ),
      );
      server.#server.listen(port, host, resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Cuts the connections that are meant. @returns how many */
  disconnect(meant: (connection: Connection) => boolean): number {
    const cut = [...this.#connections].filter(meant);
    for (const connection of cut) connection.close();
    return cut.length;
  }

  /** Stops accepting and closes all connections. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.close();
    return closed;
  }
}
