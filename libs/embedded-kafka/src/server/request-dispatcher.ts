import { ErrorCode } from '../protocol/error-code.js';
import type { Api, ResponseOf } from '../protocol/api.js';
import { apiVersionsApi } from '../protocol/apis/cluster.api.js';
import { nullableString } from '../wire/primitives.js';
import { WireReader } from '../wire/wire-reader.js';
import { WireWriter } from '../wire/wire-writer.js';
import type { Clock } from '@rookery/core';
import type { Endpoint } from '../cluster/nodes.js';
import { faultPoint, type Fault, type FaultRules } from '../fault/fault.js';
import { errorAnswer } from './error-answer.js';
import type { Call, Route } from './route.js';

/** What becomes of a request. */
export type Outcome =
  /** The frame to send. */
  | { readonly kind: 'answer'; readonly frame: Buffer[] }
  | { readonly kind: 'silence' }
  | { readonly kind: 'disconnect'; readonly reason: string };

/** A request's header. */
interface Header {
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/** Where a request came from. */
export interface Caller extends Omit<Call, 'version' | 'clientId'> {
  /** Told what the client calls itself, with each request. */
  readonly onClientId?: (clientId: string) => void;
}

/** All that is served to who has not authenticated. */
const BEFORE_AUTHENTICATION: ReadonlySet<string> = new Set([
  'ApiVersions',
  'SaslHandshake',
  'SaslAuthenticate',
]);

/** Reads requests, hands them to their routes and writes the answers. */
export class RequestDispatcher {
  readonly #routes: ReadonlyMap<number, Route>;

  constructor(
    routes: readonly Route[],
    private readonly faults: FaultRules,
    private readonly clock: Clock,
    /** The nodes that are up, for errors that name them. */
    private readonly live: () => readonly Endpoint[] = () => [],
  ) {
    this.#routes = new Map(routes.map((one) => [one.api.key, one]));
  }

  /** @throws MalformedMessage when the frame does not follow the protocol */
  async dispatch(frame: Buffer, caller: Caller): Promise<Outcome> {
    const reader = new WireReader(frame);
    const header: Header = {
      apiKey: reader.int16(),
      version: reader.int16(),
      correlationId: reader.int32(),
      clientId: nullableString.read(reader, 0, false) ?? '',
    };
    caller.onClientId?.(header.clientId);
    const found = this.#routes.get(header.apiKey);
    if (found === undefined) return refuse(`api ${header.apiKey} is not served`);
    const { api } = found;
    if (header.version < api.versions[0] || header.version > api.versions[1]) {
      if (api.key === apiVersionsApi.key) return this.#fallBack(header.correlationId);
      return refuse(`${api.name} version ${header.version} is not served`);
    }
    if (!caller.session.authenticated && !BEFORE_AUTHENTICATION.has(api.name)) {
      return refuse(`${api.name} before authentication`);
    }
    const flexible = header.version >= api.flexibleFrom;
    if (flexible) skipTags(reader);
    // Bytes left over are ignored, as Kafka does: librdkafka 2.16 sends some when it asks for all topics.
    const request = api.request.read(reader, header.version, flexible);
    return this.#answer(found, header, request, caller);
  }

  async #answer(
    found: Route,
    { version, correlationId, clientId }: Header,
    request: unknown,
    caller: Caller,
  ): Promise<Outcome> {
    const { api, handle } = found;
    const { signal, node, connection } = caller;
    const fault = this.faults.isEmpty
      ? undefined
      : this.faults.for(
          faultPoint(request, { api: api.name, version, clientId, node, connection }),
        );
    const failed = (error: ErrorCode): Outcome => {
      const failure = { errorCode: error, version, brokers: this.live() };
      const response = errorAnswer(api, request, failure);
      if (response === undefined) return refuse(`fault: ${api.name} cannot answer an error`);
      return { kind: 'answer', frame: encode(api, version, correlationId, response) };
    };
    const before = await this.#suffer(fault, 'request', signal, failed);
    if (before !== undefined) return before;
    const response = await handle(request, { ...caller, version, clientId });
    const after = await this.#suffer(fault, 'response', signal, failed);
    if (after !== undefined) return after;
    if (response === undefined) return { kind: 'silence' };
    return { kind: 'answer', frame: encode(api, version, correlationId, response) };
  }

  /** KIP-511: a client that is too new learns our versions in the oldest form. */
  #fallBack(correlationId: number): Outcome {
    const response: ResponseOf<typeof apiVersionsApi> = {
      errorCode: ErrorCode.UNSUPPORTED_VERSION,
      apis: [...this.#routes.values()].map(({ api }) => advertised(api)),
    };
    return { kind: 'answer', frame: encode(apiVersionsApi, 0, correlationId, response) };
  }

  /** What ends the request at this point, if anything does. */
  async #suffer(
    fault: Fault | undefined,
    at: Fault['at'],
    signal: AbortSignal,
    failed: (error: ErrorCode) => Outcome,
  ): Promise<Outcome | undefined> {
    if (fault?.at !== at) return undefined;
    switch (fault.action) {
      case 'drop':
        return { kind: 'silence' };
      case 'disconnect':
        return refuse(`fault at the ${at}`);
      case 'error':
        return failed(ErrorCode[fault.error]);
      case 'delay':
        await this.clock.sleep(fault.ms, signal).catch(() => {});
        return undefined;
    }
  }
}

/** An API as ApiVersions lists it. */
export function advertised(api: Api): { key: number; minVersion: number; maxVersion: number } {
  return { key: api.key, minVersion: api.advertisedFrom, maxVersion: api.versions[1] };
}

function encode(api: Api, version: number, correlationId: number, response: unknown): Buffer[] {
  const flexible = version >= api.flexibleFrom;
  const writer = new WireWriter();
  writer.int32(correlationId);
  // Clients read this one answer before they know what the broker understands.
  if (flexible && api.key !== apiVersionsApi.key) writer.uvarint(0);
  api.response.write(writer, response, version, flexible);
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(writer.length, 0);
  return [length, ...writer.finish()];
}

function skipTags(reader: WireReader): void {
  for (let left = reader.uvarint(); left > 0; left--) {
    reader.uvarint();
    reader.view(reader.uvarint());
  }
}

function refuse(reason: string): Outcome {
  return { kind: 'disconnect', reason };
}
