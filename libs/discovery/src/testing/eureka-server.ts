import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

interface Entry {
  readonly app: string;
  readonly id: string;
  json: Record<string, unknown>;
}

/**
 * A small Eureka server over real HTTP, whose faults a test controls. It follows the paths, statuses
 * and JSON of Netflix's server 2.0, and pushes as ours does when told to.
 */
export class EurekaServer {
  readonly instances = new Map<string, Entry>();
  /** `METHOD /path` of each request, without the query. */
  readonly requests: string[] = [];
  /** Answers deltas with 403, as a server that has them switched off. */
  refusesDeltas = false;
  /** A delta that says something else than what happened. */
  spoilsDeltas = false;
  pushes = false;
  epoch = 1;
  credentials: string | undefined;
  readonly #changes: Record<string, unknown>[] = [];
  readonly #streams = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #version = 1;

  get url(): string {
    const userinfo = this.credentials === undefined ? '' : `${this.credentials}@`;
    return `http://${userinfo}127.0.0.1:${this.#port}/eureka`;
  }

  get listeners(): number {
    return this.#streams.size;
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** Goes away like a killed process; {@link start} comes back on the same port. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#streams.clear();
    await closed;
  }

  /** Forgets everything, as a server that was started anew. */
  forget(): void {
    this.instances.clear();
    this.#changes.length = 0;
    this.epoch++;
    this.#version = 1;
  }

  put(app: string, id: string, port: number, change: Record<string, unknown> = {}): void {
    const known = this.instances.has(id);
    const json = {
      instanceId: id,
      hostName: '127.0.0.1',
      app: app.toUpperCase(),
      ipAddr: '127.0.0.1',
      status: 'UP',
      port: { $: port, '@enabled': 'true' },
      securePort: { $: 443, '@enabled': 'false' },
      leaseInfo: { registrationTimestamp: 1_000 },
      metadata: { '@class': 'java.util.Collections$EmptyMap' },
      ...change,
    };
    this.instances.set(id, { app: app.toUpperCase(), id, json });
    this.#changed({ ...json, actionType: known ? 'MODIFIED' : 'ADDED' });
  }

  remove(id: string): void {
    const entry = this.instances.get(id);
    if (entry === undefined) return;
    this.instances.delete(id);
    this.#changed({ ...entry.json, actionType: 'DELETED' });
  }

  #changed(json: Record<string, unknown>): void {
    this.#changes.push(json);
    this.#version++;
    for (const stream of this.#streams) this.#announce(stream);
  }

  #announce(stream: ServerResponse): void {
    const data = JSON.stringify({ version: this.#version, epoch: this.epoch });
    stream.write(`event: registry\ndata: ${data}\n\n`);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname.replace(/^\/eureka/, '').replace(/\/$/, '');
    const route = `${request.method} ${path}`;
    this.requests.push(route);
    const end = (status: number, body?: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === undefined ? '' : JSON.stringify(body));
    };
    const expected =
      this.credentials && `Basic ${Buffer.from(this.credentials).toString('base64')}`;
    if (expected !== undefined && request.headers.authorization !== expected) return end(401);
    if (route === 'GET /apps') return end(200, this.#listing(this.#all()));
    if (route === 'GET /apps/delta') {
      if (this.refusesDeltas) return end(403);
      return end(200, this.#listing(this.spoilsDeltas ? [] : this.#changes));
    }
    if (route === 'GET /stream') return this.pushes ? this.#stream(response) : end(404);
    const [, app = '', id = ''] = /^\w+ \/apps\/([^/]+)(?:\/([^/]+))?$/.exec(route) ?? [];
    if (request.method === 'POST') return void this.#register(request, app, end);
    const known = this.instances.has(decodeURIComponent(id));
    if (request.method === 'DELETE') this.remove(decodeURIComponent(id));
    end(known ? 200 : 404);
  }

  async #register(request: IncomingMessage, app: string, end: (status: number) => void) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as {
      instance: Record<string, unknown>;
    };
    const id = String(body.instance['instanceId']);
    this.put(app, id, 0, body.instance);
    end(204);
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    this.#announce(response);
  }

  #all(): Record<string, unknown>[] {
    return [...this.instances.values()].map(({ json }) => json);
  }

  #listing(instances: readonly Record<string, unknown>[]): object {
    const counts = new Map<string, number>();
    for (const { status } of this.#all()) {
      counts.set(String(status), (counts.get(String(status)) ?? 0) + 1);
    }
    const hash = [...counts.keys()].sort().map((status) => `${status}_${counts.get(status)}_`);
    const apps = [...new Set(instances.map(({ app }) => String(app)))];
    return {
      applications: {
        versions__delta: String(this.#version),
        apps__hashcode: hash.join(''),
        application: apps.map((name) => ({
          name,
          instance: instances.filter(({ app }) => app === name),
        })),
      },
    };
  }
}
