import { createServer } from 'node:net';
import { CommandError } from '../cli.errors.js';

/** How far from the wanted port to look for a free one. */
const SEARCH = 200;

/** Whether nobody listens on a port, on loopback or on all interfaces. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, '0.0.0.0'));
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Gives out ports, each once. */
export class PortAllocator {
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
      if (!this.#given.has(named) && (await isPortFree(named))) return this.#give(named);
      throw new CommandError(
        `port ${named} for ${name} is in use`,
        'stop the process that has it, or name another with --port',
      );
    }
    for (let port = wanted; port < wanted + SEARCH && port <= 65_535; port += 1) {
      if (this.#given.has(port) || this.#wantedByOther(port)) continue;
      if (await isPortFree(port)) return this.#give(port);
    }
    throw new CommandError(
      `no free port from ${wanted} on for ${name}`,
      `name one with --port ${name}=<port>`,
    );
  }

  /** Keeps a port that is in use already from being given out. */
  reserve(port: number): void {
    this.#given.add(port);
  }

  #wantedByOther(port: number): boolean {
    return [...this.explicit.values()].includes(port);
  }

  #give(port: number): number {
    this.#given.add(port);
    return port;
  }
}
