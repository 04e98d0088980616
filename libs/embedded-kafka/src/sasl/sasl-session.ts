import { ErrorCode } from '../protocol/error-code.js';
import { hashOf, type Credentials, type SaslMechanism } from './credentials.js';
import { ScramExchange, SaslFailure } from './scram.js';

/** Answer to a handshake. */
export interface HandshakeResult {
  readonly errorCode: ErrorCode;
  readonly mechanisms: readonly SaslMechanism[];
}

/** Answer to a step of an exchange. */
export interface AuthenticateResult {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
  readonly token: Buffer;
}

const NO_TOKEN = Buffer.alloc(0);

/** One step of a mechanism. @throws SaslFailure */
type Step = (token: Buffer) => { readonly token: Buffer; readonly done: boolean };

/** How far one connection is with authentication (KIP-43, KIP-152). */
export class SaslSession {
  #step: Step | undefined;
  #mechanism: SaslMechanism | undefined;
  #user: string | undefined;
  #authenticated = false;
  #bare = false;
  #rejected: string | undefined;

  /** @param credentials who may connect; without any, everybody may */
  constructor(private readonly credentials?: Credentials) {}

  /** Whether it may ask for anything. */
  get authenticated(): boolean {
    return this.credentials === undefined || this.#authenticated;
  }

  /** Who it is, once that is proven. */
  get user(): string | undefined {
    return this.#authenticated ? this.#user : undefined;
  }

  /** Why the connection is to be closed after the answer, for the log. */
  get rejected(): string | undefined {
    return this.#rejected;
  }

  /** Whether the next frame is a bare token and no request. */
  get expectsToken(): boolean {
    return this.#bare && this.#step !== undefined && !this.#authenticated;
  }

  /** Chooses a mechanism. @param bare whether its tokens come without requests around them */
  handshake(mechanism: string, bare = false): HandshakeResult {
    const mechanisms = this.credentials?.mechanisms ?? [];
    if (this.authenticated) return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms };
    const chosen = mechanisms.find((one) => one === mechanism);
    if (chosen === undefined) {
      this.#rejected = `SASL mechanism ${quoted(mechanism)} is not enabled`;
      return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms };
    }
    this.#mechanism = chosen;
    this.#bare = bare;
    this.#step = this.#exchange(chosen);
    return { errorCode: ErrorCode.NONE, mechanisms };
  }

  /** Takes the client's next token. */
  authenticate(token: Buffer): AuthenticateResult {
    if (this.authenticated || this.#step === undefined) {
      this.#rejected = 'SaslAuthenticate without a handshake before it';
      return {
        errorCode: ErrorCode.ILLEGAL_SASL_STATE,
        errorMessage: this.#rejected,
        token: NO_TOKEN,
      };
    }
    try {
      const { token: answer, done } = this.#step(token);
      this.#authenticated = done;
      return { errorCode: ErrorCode.NONE, errorMessage: null, token: answer };
    } catch (error) {
      if (!(error instanceof SaslFailure)) throw error;
      this.#step = undefined;
      const who = this.#user === undefined ? '' : ` of ${quoted(this.#user)}`;
      this.#rejected = `SASL ${this.#mechanism} authentication${who} failed: ${error.message}`;
      return {
        errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED,
        // As in Kafka: the client is not told whether the name or the password is wrong.
        errorMessage: `Authentication failed during authentication due to invalid credentials with SASL mechanism ${this.#mechanism}`,
        token: NO_TOKEN,
      };
    }
  }

  #exchange(mechanism: SaslMechanism): Step {
    const credentials = this.credentials as Credentials;
    if (mechanism === 'PLAIN') return (token) => this.#plain(credentials, token);
    const hash = hashOf(mechanism);
    const exchange = new ScramExchange((user) => credentials.scram(hash, user));
    return (token) => {
      try {
        return exchange.step(token);
      } finally {
        this.#user = exchange.user;
      }
    };
  }

  /** RFC 4616: `[authzid] NUL user NUL password` */
  #plain(credentials: Credentials, token: Buffer): { token: Buffer; done: boolean } {
    const parts = token.toString().split('\0');
    const [authzid = '', user = '', password = ''] = parts;
    if (parts.length !== 3 || user === '') throw new SaslFailure('malformed message');
    this.#user = user;
    if (authzid !== '' && authzid !== user) {
      throw new SaslFailure('acting for another user is not served');
    }
    if (!credentials.fits(user, password)) throw new SaslFailure('wrong user or password');
    return { token: NO_TOKEN, done: true };
  }
}

/** A name as it may stand in a log line, whoever sent it. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
