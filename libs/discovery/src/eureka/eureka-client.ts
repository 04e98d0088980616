import { Agent, request, type Dispatcher } from 'undici';
import { RegistryUnavailableError } from '../discovery.errors.js';
import { readListing, registrationBody, type Listing, type Registrant } from './instance-json.js';

/** Where the registry is and how long it may take. */
export interface EurekaClientOptions {
  /** Base URLs with context path (`http://user:password@host:8761/eureka`), in order of preference. */
  readonly urls: readonly string[];
  readonly timeoutMs: number;
}

/** A stream that is silent for so long is dead: our server comments every 15 s. */
const STREAM_SILENCE_MS = 45_000;
/** The registry of 10,000 instances is about 12 MB; nothing sensible is larger. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

interface Server {
  /** Without credentials, so that no error or log line can show them. */
  readonly base: string;
  readonly headers: Record<string, string>;
}

/**
 * Speaks Eureka's REST interface as a client: Netflix's servers, Spring's, and ours. With several
 * servers it stays with one until that fails, then goes to the next.
 */
export class EurekaClient {
  readonly #servers: readonly Server[];
  readonly #timeoutMs: number;
  readonly #agent: Agent;
  #current = 0;

  constructor(options: EurekaClientOptions) {
    this.#servers = options.urls.map(serverAt);
    this.#timeoutMs = options.timeoutMs;
    this.#agent = new Agent({
      // One for the stream, the rest for the few requests beside it.
      connections: 4,
      pipelining: 1,
      connect: { timeout: options.timeoutMs },
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
    });
  }

  /** @throws RegistryUnavailableError when it does not take the registration */
  async register(registrant: Registrant): Promise<void> {
    await this.#expect([200, 204], 'POST', appPath(registrant.serviceId), {
      body: JSON.stringify(registrationBody(registrant)),
    });
  }

  /**
   * A heartbeat. False when the registry wants the instance to register again.
   *
   * @throws RegistryUnavailableError
   */
  async renew(registrant: Registrant): Promise<boolean> {
    const { serviceId, instanceId, status, lastDirtyTimestamp } = registrant;
    const query = `?status=${status}&lastDirtyTimestamp=${lastDirtyTimestamp}`;
    const path = `${appPath(serviceId, instanceId)}${query}`;
    const answer = await this.#expect([200, 404], 'PUT', path);
    return answer.statusCode === 200;
  }

  /** @throws RegistryUnavailableError; an instance that is not registered is as good as gone */
  async cancel(registrant: Registrant): Promise<void> {
    const path = appPath(registrant.serviceId, registrant.instanceId);
    await this.#expect([200, 204, 404], 'DELETE', path);
  }

  /** All instances. @throws RegistryUnavailableError */
  async fetchAll(): Promise<Listing> {
    // With a slash, as the Java client asks; servers that do not know the one know the other.
    return listing(await this.#expect([200], 'GET', '/apps/'));
  }

  /** What changed lately; `undefined` when the server does not tell. @throws RegistryUnavailableError */
  async fetchDelta(): Promise<Listing | undefined> {
    const answer = await this.#expect([200, 403, 404], 'GET', '/apps/delta');
    return answer.statusCode === 200 ? listing(answer) : undefined;
  }

  /**
   * The stream of pushed changes; `undefined` when the server has none. Aborting `signal` ends it.
   *
   * @throws RegistryUnavailableError
   */
  async openStream(signal: AbortSignal): Promise<AsyncIterable<Buffer> | undefined> {
    const { statusCode, headers, body } = await this.#send('GET', '/stream', {
      headers: { accept: 'text/event-stream' },
      bodyTimeout: STREAM_SILENCE_MS,
      signal,
    });
    if (statusCode === 200 && String(headers['content-type']).startsWith('text/event-stream')) {
      return body;
    }
    body.on('error', () => {});
    body.destroy();
    if (statusCode >= 500 || statusCode === 401) {
      throw new RegistryUnavailableError(`answered ${statusCode}`, statusCode);
    }
    return undefined;
  }

  /** Closes all connections, also those in use. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #expect(
    statuses: readonly number[],
    method: Dispatcher.HttpMethod,
    path: string,
    options: SendOptions = {},
  ): Promise<Answer> {
    const { statusCode, body } = await this.#send(method, path, options);
    const text = await readText(body);
    if (statuses.includes(statusCode)) return { statusCode, text };
    // A server that cannot serve is no better than one that is away.
    if (statusCode >= 500) this.#failOver();
    throw new RegistryUnavailableError(`answered ${statusCode} to ${method}`, statusCode);
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    { headers, ...options }: SendOptions,
  ): Promise<Dispatcher.ResponseData> {
    const { base, headers: credentials } = this.#servers[this.#current] as Server;
    try {
      return await request(`${base}${path}`, {
        method,
        dispatcher: this.#agent,
        headersTimeout: this.#timeoutMs,
        headers: {
          accept: 'application/json',
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...credentials,
          ...headers,
        },
        ...options,
      });
    } catch (error) {
      this.#failOver();
      const { code, message } = error as { code?: string; message: string };
      throw new RegistryUnavailableError(`cannot be reached: ${code ?? message}`, undefined, error);
    }
  }

  #failOver(): void {
    this.#current = (this.#current + 1) % this.#servers.length;
  }
}

interface SendOptions {
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly bodyTimeout?: number;
  readonly signal?: AbortSignal;
}

interface Answer {
  readonly statusCode: number;
  readonly text: string;
}

function serverAt(address: string): Server {
  const url = new URL(address);
  const { username, password } = url;
  url.username = url.password = '';
  const base = url.href.replace(/\/+$/, '');
  if (username === '') return { base, headers: {} };
  const userinfo = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization = `Basic ${Buffer.from(userinfo).toString('base64')}`;
  return { base, headers: { authorization } };
}

function appPath(serviceId: string, instanceId?: string): string {
  const app = `/apps/${encodeURIComponent(serviceId.toUpperCase())}`;
  return instanceId === undefined ? app : `${app}/${encodeURIComponent(instanceId)}`;
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) throw new Error(`its answer is larger than ${MAX_BODY_BYTES}`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw new RegistryUnavailableError('broke off its answer', undefined, error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function listing({ text }: Answer): Listing {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new RegistryUnavailableError('does not answer in JSON', 200, error);
  }
  const found = readListing(body);
  if (found === undefined) throw new RegistryUnavailableError('answers something else', 200);
  return found;
}
