import type { Api, RequestOf, ResponseOf } from '../protocol/api.js';
import type { SaslSession } from '../sasl/sasl-session.js';

/** What a handler learns of a request besides its body. */
export interface Call {
  readonly version: number;
  readonly clientId: string;
  readonly clientHost: string;
  /** The virtual node that was asked. */
  readonly node: number;
  /** Number of the connection. */
  readonly connection: number;
  /** How far the connection is with authentication. */
  readonly session: SaslSession;
  /** Aborts when the connection is gone or the broker stops: nobody waits for the answer. */
  readonly signal: AbortSignal;
}

/** Answers one API; `undefined` means that none is sent (produce with acks 0). */
export interface Route {
  readonly api: Api;
  handle(request: unknown, call: Call): unknown;
}

/** Ties a handler to its API, with the types of the API's messages. */
export function route<A extends Api>(
  api: A,
  handle: (
    request: RequestOf<A>,
    call: Call,
  ) => ResponseOf<A> | undefined | Promise<ResponseOf<A> | undefined>,
): Route {
  return { api, handle: (request, call) => handle(request as RequestOf<A>, call) };
}
