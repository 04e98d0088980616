import { createServer, type Server } from 'node:net';
import { CommandError } from '../cli.errors.js';

/** How far from the wanted port to look for a free one. */
const SEARCH = 200;

/** Whether nobody listens on a port, on loopback or on all interfaces. */
export async function isPortFree(port: number): Promise<boolean> {
  for (const host of ['0.0.0.0', '127.0.0.1']) {
    const server = await listen(port, host);
    if (server === undefined) return false;
    await new Promise((resolve) => server.close(resolve));
  }
  return true;
}

function listen(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => resolve(server.unref()));
  });
}

/**
 * Gives out ports, each once, and keeps each occupied until its process starts: seconds may pass,
 * in which another program, or another platform that starts, would take it.
 */
export class PortAllocator {
  readonly #held = new Map<number, Server>();
  readonly #given = new Set<number>();

  /** @param explicit ports that the user asked for by name; these are never exchanged for others */
  constructor(private readonly explicit: ReadonlyMap<string, number> = new Map()) {}

  /**
   * The wanted port if it is free, else the next free one.
   *
   * @throws CommandError when the user named the port and it is in use
   */
  async take(name: string, wanted: number): Promise<number> {
    const named = this.explicit.get(name);
    if (named !== undefined) {
      if (await this.#hold(named)) return named;
      throw new CommandError(
        `port ${named} for ${name} is in use`,
        'stop the process that has it, or name another with --port',
      );
    }
    const others = new Set(this.explicit.values());
    for (let port = wanted; port < wanted + SEARCH && port <= 65_535; port += 1) {
      if (!others.has(port) && (await this.#hold(port))) return port;
    }
    throw new CommandError(
      `no free port from ${wanted} on for ${name}`,
      `name one with --port ${name}=<port>`,
    );
  }

  /** Leaves a port to the process it was taken for. */
  release(port: number): void {
    this.#held.get(port)?.close();
    this.#held.delete(port);
  }

  /** Leaves all ports. */
  releaseAll(): void {
    for (const port of this.#held.keys()) this.release(port);
  }

  async #hold(port: number): Promise<boolean> {
    if (this.#given.has(port) || !(await isPortFree(port))) return false;
    const server = await listen(port, '127.0.0.1');
    if (server === undefined) return false;
    this.#given.add(port);
    this.#held.set(port, server);
    return true;
  }
}
