import { isIP } from 'node:net';
import {
  Base,
  kGetApi,
  kGetBootstrapConnection,
  kGetConnection,
  ResponseError,
  SASLMechanisms,
  type API,
  type Broker,
  type Callback,
  type Connection,
} from '@platformatic/kafka';
import type { DriverOptions } from '../driver/driver.options.js';

export type { Broker };

const MECHANISMS = {
  plain: SASLMechanisms.PLAIN,
  'scram-sha-256': SASLMechanisms.SCRAM_SHA_256,
  'scram-sha-512': SASLMechanisms.SCRAM_SHA_512,
} as const;

/** A request: its arguments, or what makes them for the version that was agreed on. */
export type RequestArguments = readonly unknown[] | ((version: number) => readonly unknown[]);

/**
 * Connections to brokers and the protocol's requests over them: the part of @platformatic/kafka
 * that this driver stands on. Its Producer, Consumer and Admin are left aside, because what they do
 * by themselves cannot be waited for or fenced (see the README).
 */
export class PlatformaticClient {
  readonly #base: Base;

  constructor(options: DriverOptions, requestTimeoutMs: number) {
    const { brokers, clientId, connectionTimeoutMs, ssl, sasl } = options;
    this.#base = new Base({
      clientId,
      bootstrapBrokers: [...brokers],
      connectTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      retries: 0,
      ...(ssl === undefined || ssl === false ? {} : { tls: ssl === true ? {} : ssl }),
      tlsServerName: serverNameOf(options),
      ...(sasl === undefined
        ? {}
        : {
            sasl: {
              mechanism: MECHANISMS[sasl.mechanism],
              username: sasl.username,
              password: sasl.password,
            },
          }),
    });
    // A connection that fails twice, as after refused credentials, would end the process.
    this.#base.connections.on('connecting', ({ connection }) => connection.on('error', () => {}));
  }

  /**
   * Sends a request and resolves with the answer, which says itself what of it was refused.
   *
   * @param to undefined for any broker
   */
  async ask<R>(to: Broker | undefined, name: string, request: RequestArguments): Promise<R> {
    const base = this.#base;
    const connection = await called<Connection>((done) => {
      if (to === undefined) base[kGetBootstrapConnection](done);
      else base[kGetConnection](to, done);
    });
    const api = await called<API<unknown[], R>>((done) => base[kGetApi](name, done));
    const sent = typeof request === 'function' ? request(api.version) : request;
    return called<R>((done) => {
      api(connection, ...sent, (error: Error | null, answer?: R) => {
        if (error instanceof ResponseError) {
          const { response } = error as { response?: R };
          if (response !== undefined) return done(null, response);
        }
        done(error, answer);
      });
    });
  }

  /** Ends all connections at once and lets none begin; requests under way fail. */
  cut(): void {
    const connections = [...this.#base.connections].map(([, connection]) => connection);
    // Told first, so that it takes what follows for what it is.
    this.#base.close().catch(() => {});
    for (const { socket } of connections) (socket as typeof socket | undefined)?.destroy();
  }
}

function called<T>(call: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error) reject(error);
      else resolve(result as T);
    });
  });
}

/** The name asked for, or each broker's own, which must be none when it is an address. */
function serverNameOf({ brokers, ssl }: DriverOptions): string | boolean {
  if (typeof ssl === 'object' && ssl.servername !== undefined) return ssl.servername;
  return !brokers.some((broker) => isIP(broker.replace(/:\d+$/, '')) !== 0);
}
