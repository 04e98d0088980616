import { AbortedError } from '@rookery/core';
import { z } from 'zod';
import { ConfigServerError } from '../config.errors.js';
import type { PropertySource, PropertyValue } from '../property-source/property-source.js';
import type { FeedAddress } from './revision-feed.js';

/** Spring's form with an origin beside each value, and the plain one that every server speaks. */
const ACCEPT = 'application/vnd.spring-cloud.config-server.v2+json, application/json;q=0.9';
/** Characters of a server's own explanation that a message repeats. */
const MAX_DETAIL = 300;
const MAX_BODY = 4 * 1024 * 1024;

const answerSchema = z.object({
  name: z.string(),
  version: z.string().nullish(),
  propertySources: z.array(
    z.object({ name: z.string(), source: z.record(z.string(), z.unknown()) }),
  ),
});

/** What to ask a config server for. */
export interface ConfigServerRequest {
  /** Base URL; userinfo becomes basic authentication. */
  readonly url: string;
  readonly app: string;
  readonly profiles: readonly string[];
  readonly label?: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Entity tag of the last answer. */
  readonly etag?: string | undefined;
}

/** The sources of an application, the first of which wins. */
export interface ConfigServerAnswer {
  readonly sources: readonly PropertySource[];
  readonly version: string | undefined;
  readonly etag: string | undefined;
  /** Where the server says that it tells of changes (`Link: <...>; rel="monitor"`). */
  readonly monitor: FeedAddress | undefined;
}

/**
 * Asks once. Protocol: Spring Cloud Config Server's `GET /{application}/{profile}[/{label}]`.
 *
 * @returns `undefined` when the server says that nothing changed since `etag`
 * @throws ConfigServerError without the credentials of the URL in its message
 * @throws AbortedError when `signal` aborts
 */
export async function fetchConfiguration(
  request: ConfigServerRequest,
): Promise<ConfigServerAnswer | undefined> {
  const { address, authorization } = target(request);
  const shown = address.href;
  try {
    const response = await fetch(address, {
      headers: {
        accept: ACCEPT,
        ...(authorization === undefined ? {} : { authorization }),
        ...(request.etag === undefined ? {} : { 'if-none-match': request.etag }),
      },
      // A redirect would carry the credentials to wherever it points.
      redirect: 'error',
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(request.timeoutMs)]),
    });
    if (response.status === 304) return undefined;
    const body = await readBody(response, shown);
    if (response.status !== 200) throw refusal(response.status, shown, body);
    return {
      ...parseAnswer(body, shown),
      etag: response.headers.get('etag') ?? undefined,
      monitor: monitorOf(response.headers.get('link'), address, authorization),
    };
  } catch (error) {
    if (error instanceof ConfigServerError) throw error;
    if (request.signal.aborted) throw new AbortedError('config fetch', request.signal.reason);
    throw new ConfigServerError(`config server ${shown}: ${reasonOf(error, request)}`, true, error);
  }
}

function target(request: ConfigServerRequest): { address: URL; authorization?: string } {
  const base = URL.parse(request.url.endsWith('/') ? request.url : `${request.url}/`);
  if (base === null || !/^https?:$/.test(base.protocol)) {
    throw new ConfigServerError('config.url is not an http(s) URL', false);
  }
  const parts = [request.app, request.profiles.join(','), request.label]
    .filter((part) => part !== undefined)
    .map((part) => encodeURIComponent(part.replaceAll('/', '(_)')));
  const { username, password } = base;
  base.username = '';
  base.password = '';
  const address = new URL(parts.join('/'), base);
  if (username === '' && password === '') return { address };
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** The feed of a server, on that server only: the credentials go with the request. */
function monitorOf(
  link: string | null,
  base: URL,
  authorization: string | undefined,
): FeedAddress | undefined {
  const reference = /<([^>]+)>\s*;[^,]*\brel="?monitor"?/.exec(link ?? '')?.[1];
  const url = reference === undefined ? null : URL.parse(reference, base.href);
  return url?.origin === base.origin ? { url, authorization } : undefined;
}

async function readBody(response: Response, shown: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY) {
      throw new ConfigServerError(`config server ${shown}: answer over ${MAX_BODY} bytes`, false);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(status: number, shown: string, body: string): ConfigServerError {
  const reasons: Record<number, string> = {
    401: 'refuses the credentials (401); check the user and password in CONFIG_URL',
    403: 'refuses this service its configuration (403)',
    404: 'does not know this application, profile or label (404)',
  };
  const reason = reasons[status] ?? `answered ${status}${detailOf(body)}`;
  const retryable = status >= 500 || status === 408 || status === 429;
  return new ConfigServerError(`config server ${shown} ${reason}`, retryable);
}

/** What the server says is wrong, such as the line of a file that does not parse. */
function detailOf(body: string): string {
  const problem = z.object({ detail: z.string().min(1) }).safeParse(tryParse(body));
  if (!problem.success) return '';
  return `: ${problem.data.detail.replace(/\s+/g, ' ').slice(0, MAX_DETAIL)}`;
}

function tryParse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function parseAnswer(body: string, shown: string): Pick<ConfigServerAnswer, 'sources' | 'version'> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw new ConfigServerError(`config server ${shown} did not answer JSON`, false, error);
  }
  const answer = answerSchema.safeParse(json);
  if (!answer.success) {
    throw new ConfigServerError(
      `config server ${shown} did not answer in the config server's format`,
      false,
      answer.error,
    );
  }
  const sources = answer.data.propertySources.map(({ name, source }) => ({
    name: `config-server ${shortName(name)}`,
    properties: new Map(Object.entries(source).map(([key, value]) => [key, property(value)])),
  }));
  return { sources, version: answer.data.version ?? undefined };
}

/** `file:/srv/config/orders.yml (document #0)` is `orders.yml`: paths of the server say nothing. */
function shortName(name: string): string {
  const path = name.replace(/ \(document #\d+\)$/, '').replace(/[\])]+$/, '');
  return path.slice(path.search(/[^/\\:[]*$/)) || name;
}

function property(value: unknown): PropertyValue {
  if (typeof value === 'object' && value !== null && 'value' in value) {
    const { value: inner, origin } = value as { value: unknown; origin?: unknown };
    const position = typeof origin === 'string' ? /(\d+:\d+)\D*$/.exec(origin)?.[1] : undefined;
    return { value: scalar(inner), origin: position };
  }
  return { value: scalar(value) };
}

function scalar(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  return value === null || value === undefined ? '' : JSON.stringify(value);
}

function reasonOf(error: unknown, request: ConfigServerRequest): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return `no answer within ${request.timeoutMs} ms`;
  }
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = (cause as { code?: unknown }).code;
  if (code === 'ECONNREFUSED') return 'connection refused; is it running?';
  return cause instanceof Error ? cause.message || String(code) : String(cause);
}
