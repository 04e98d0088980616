import type { Clock } from '@rookery/core';
import { TimeoutError } from '@rookery/core';

/** The part of `fetch` used here; tests and proxies may bring their own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How one JSON document is fetched. */
export interface FetchJsonOptions {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Whole exchange, body included. */
  readonly timeoutMs: number;
  /** A longer body is refused: key sets are small, and an endless one must not fill memory. */
  readonly maxBytes?: number;
  readonly init?: RequestInit;
}

/** A JSON answer with its status; a body that is no JSON object is `undefined`. */
export interface JsonAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Fetches one small JSON document. Redirects are refused: an issuer's documents are where the
 * configuration says, and following a redirect would let whoever answers choose another issuer.
 *
 * @throws TimeoutError, or whatever `fetch` throws
 */
export async function fetchJson(url: string, options: FetchJsonOptions): Promise<JsonAnswer> {
  const { clock, timeoutMs, maxBytes = 262_144 } = options;
  const abort = new AbortController();
  const cancel = clock.after(timeoutMs, () =>
    abort.abort(new TimeoutError(`GET ${url}`, timeoutMs)),
  );
  try {
    const response = await options.fetch(url, {
      ...options.init,
      headers: { accept: 'application/json', ...(options.init?.headers as object) },
      redirect: 'error',
      signal: abort.signal,
    });
    return { status: response.status, body: parse(await limited(response, maxBytes, url)) };
  } finally {
    cancel();
  }
}

async function limited(response: Response, maxBytes: number, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).byteLength;
    if (size > maxBytes) throw new Error(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
