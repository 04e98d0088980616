import {
  AbortedError,
  currentContext,
  isRookeryError,
  TimeoutError,
  type Cancel,
  type Clock,
  type Problem,
} from '@rookery/core';
import { traceClientCall, type ClientInstrumentation } from '@rookery/observability';
import { ConnectionError, RemoteError, UnexpectedResponseError } from '../http-client.errors.js';
import type { HttpClientConfig } from '../http-client.options.js';
import type { ConnectionPools } from './connection-pools.js';
import type { HttpRequest } from './http-request.js';
import { readBody } from './read-body.js';

/** A hold on an instance while a request to it is under way. */
export interface InstanceLease {
  readonly instance: {
    readonly instanceId: string;
    readonly host: string;
    readonly port: number;
    readonly secure: boolean;
  };
  release(outcome: 'success' | 'failure' | 'unreachable'): void;
}

/** Chooses instances; `LoadBalancer` of the discovery package is one. */
export interface InstanceChooser {
  choose(serviceId: string, options?: { exclude?: ReadonlySet<string> }): InstanceLease;
}

/** Gives the token for a kind of authorization; `undefined` when there is none to give. */
export type TokenSource = (auth: HttpRequest['auth']) => Promise<string | undefined>;

/** What an {@link Exchanger} needs. */
export interface ExchangerParts extends ClientInstrumentation {
  readonly instances: InstanceChooser;
  readonly pools: ConnectionPools;
  readonly tokens: TokenSource;
  readonly config: HttpClientConfig;
  readonly clock: Clock;
}

/**
 * Sends requests to services: chooses an instance, adds trace, correlation id, deadline and token,
 * and turns answers into values or typed errors. A request that provably never reached an instance,
 * or only reads, is sent to another one, once, when the connection fails; all else is left to the
 * resilience policies of the caller.
 */
export class Exchanger {
  constructor(private readonly parts: ExchangerParts) {}

  /**
   * @returns the answer's JSON, its text when it is not JSON, `undefined` when it is empty
   * @throws RemoteError, ConnectionError, UnexpectedResponseError, TimeoutError, AbortedError, and
   *   what the balancer and the token source throw
   */
  async send(request: HttpRequest): Promise<unknown> {
    currentContext()?.deadline?.check(operationOf(request));
    const token = await this.parts.tokens(request.auth);
    const headers: Record<string, string> =
      token === undefined ? {} : { authorization: `Bearer ${token}` };
    try {
      return await this.#attempt(request, headers);
    } catch (error) {
      if (!(error instanceof ElsewhereError)) throw error;
      try {
        return await this.#attempt(request, headers, new Set([error.instanceId]));
      } catch (second) {
        throw second instanceof ElsewhereError || isNoInstance(second) ? error.failure : second;
      }
    }
  }

  async #attempt(
    request: HttpRequest,
    authorization: Readonly<Record<string, string>>,
    exclude?: ReadonlySet<string>,
  ): Promise<unknown> {
    const { instances, pools, config } = this.parts;
    const { serviceId, method, template, path, body } = request;
    const lease = instances.choose(serviceId, exclude === undefined ? {} : { exclude });
    const { host, port, secure, instanceId } = lease.instance;
    const pool = pools.for(`${secure ? 'https' : 'http'}://${host}:${port}`);
    const caller = request.signal ?? currentContext()?.signal;
    const deadline = currentContext()?.deadline;
    const timeoutMs = Math.min(config.timeout, deadline?.remainingMs ?? Infinity);
    const limit = new Limit(this.parts.clock, timeoutMs, caller);
    try {
      const answer = await traceClientCall(
        this.parts,
        { client: serviceId, method, uri: template, host, port },
        async (outgoing) => {
          const response = await pool.request({
            method,
            path,
            headers: {
              accept: 'application/json',
              ...(body === undefined ? {} : { 'content-type': 'application/json' }),
              ...request.headers,
              ...authorization,
              ...outgoing,
            },
            body: body === undefined ? null : JSON.stringify(body),
            signal: limit.signal,
          });
          const content = await readBody(response, config.maxResponseSize, request);
          const { statusCode, headers } = response;
          return { statusCode, content, retryAfter: headers['retry-after'] };
        },
      );
      lease.release(answer.statusCode >= 500 ? 'failure' : 'success');
      const retryAfterMs = retryAfterOf(answer.retryAfter, this.parts.clock.now());
      return accept(request, answer.statusCode, answer.content, retryAfterMs);
    } catch (error) {
      if (isRookeryError(error)) {
        // Releasing twice does nothing; an answer that was refused has been released above.
        lease.release('failure');
        throw error;
      }
      const failure = explain(error, request, timeoutMs, limit.expired, caller);
      const refused = failure instanceof ConnectionError && failure.unsent;
      lease.release(refused ? 'unreachable' : 'failure');
      // What only reads may be repeated though it may have been carried out (RFC 9110, 9.2.2): an
      // instance that dies takes its kept-alive connections, and the next request on each, with it.
      const elsewhere = failure instanceof ConnectionError && (refused || method === 'GET');
      throw elsewhere ? new ElsewhereError(instanceId, failure) : failure;
    } finally {
      limit.release();
    }
  }
}

/** Aborts an exchange when its time is over or its caller gave up. */
class Limit {
  readonly #controller = new AbortController();
  readonly #cancel: Cancel;
  readonly #giveUp = (): void => this.#controller.abort(this.caller?.reason);
  expired = false;

  constructor(
    clock: Clock,
    timeoutMs: number,
    private readonly caller: AbortSignal | undefined,
  ) {
    this.#cancel = clock.after(timeoutMs, () => {
      this.expired = true;
      this.#controller.abort();
    });
    if (caller?.aborted) this.#giveUp();
    caller?.addEventListener('abort', this.#giveUp, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  release(): void {
    this.#cancel();
    this.caller?.removeEventListener('abort', this.#giveUp);
  }
}

/** Another instance may have the request. */
class ElsewhereError extends Error {
  constructor(
    readonly instanceId: string,
    readonly failure: ConnectionError,
  ) {
    super(failure.message);
  }
}

function isNoInstance(error: unknown): boolean {
  return isRookeryError(error) && error.code === 'RKY_DISC_NO_INSTANCE';
}

function operationOf({ method, template }: HttpRequest): string {
  return `${method} ${template}`;
}

function accept(
  request: HttpRequest,
  status: number,
  content: unknown,
  retryAfterMs: number,
): unknown {
  const operation = operationOf(request);
  const { serviceId, returns } = request;
  if (status >= 400) {
    const problem = isProblem(content) ? content : undefined;
    throw new RemoteError(serviceId, operation, status, problem, retryAfterMs);
  }
  if (status >= 300) {
    // Following it would carry our token to wherever the answer points.
    throw new UnexpectedResponseError(serviceId, operation, `the redirect ${status}`);
  }
  if (returns === undefined) return content;
  const result = returns.safeParse(content);
  if (result.success) return result.data;
  const what = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new UnexpectedResponseError(serviceId, operation, `an unexpected body: ${what.join('; ')}`);
}

const MAX_RETRY_AFTER_MS = 3_600_000;

/** RFC 9110, section 10.2.3: seconds, or a date. */
function retryAfterOf(value: string | readonly string[] | undefined, now: number): number {
  if (typeof value !== 'string' || value === '') return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : 0;
}

function isProblem(content: unknown): content is Problem {
  const { code, status } = (content ?? {}) as Partial<Problem>;
  return typeof code === 'string' && typeof status === 'number';
}

/** Codes of failures that come before a connection exists. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function explain(
  error: unknown,
  request: HttpRequest,
  timeoutMs: number,
  expired: boolean,
  caller: AbortSignal | undefined,
): Error {
  const operation = operationOf(request);
  if (caller?.aborted) {
    return isRookeryError(caller.reason) ? caller.reason : new AbortedError(operation, error);
  }
  const code = (error as { code?: string }).code ?? '';
  if (expired || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new TimeoutError(`${request.serviceId} ${operation}`, timeoutMs, error);
  }
  return new ConnectionError(request.serviceId, operation, UNSENT.has(code), error);
}
