import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

/** Hash functions of the SCRAM mechanisms, by their name in node:crypto. */
export type ScramHash = 'sha256' | 'sha512' | 'sha1';

/** What is kept of a password (RFC 5802, section 3): enough to check it, not to log in elsewhere. */
export interface ScramCredential {
  readonly hash: ScramHash;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Kafka's own minimum, and what `kafka-configs` uses by default. */
const ITERATIONS = 4_096;
const SALT_BYTES = 16;
const NONCE_BYTES = 18;
/** Longest message of a client that is looked at. */
const MAX_MESSAGE = 4_096;

/** Salts a password, to be kept instead of it. Takes some milliseconds. */
export function scramCredential(
  hash: ScramHash,
  password: string,
  {
    salt = randomBytes(SALT_BYTES),
    iterations = ITERATIONS,
  }: { salt?: Buffer; iterations?: number } = {},
): ScramCredential {
  const length = createHash(hash).digest().length;
  // The bytes as they are, without SASLprep: Kafka and its clients leave it out as well.
  const salted = pbkdf2Sync(password, salt, iterations, length, hash);
  const clientKey = hmac(hash, salted, 'Client Key');
  return {
    hash,
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: hmac(hash, salted, 'Server Key'),
  };
}

/** The first message of either side, as far as the second ones need it. */
interface Greeting {
  readonly bare: string;
  readonly server: string;
  readonly nonce: string;
}

/** What a client proves wrongly, or says in no known form. The message is fit for the client. */
export class SaslFailure extends Error {}

/**
 * The server's side of one SCRAM exchange without channel binding (RFC 5802, section 5; RFC 7677).
 *
 * @param find the credential of a user name; for an unknown one, one that no password fits, so that
 *   the exchange does not tell who exists
 */
export class ScramExchange {
  #first: Greeting | undefined;
  #credential: ScramCredential | undefined;
  #user = '';

  constructor(
    private readonly find: (user: string) => ScramCredential,
    private readonly serverNonce = randomBytes(NONCE_BYTES).toString('base64'),
  ) {}

  /** Who authenticates; known after the first step. */
  get user(): string {
    return this.#user;
  }

  /**
   * Answers one message.
   *
   * @throws SaslFailure when the message has no sound form or the proof is wrong
   */
  step(message: Buffer): { readonly token: Buffer; readonly done: boolean } {
    if (message.length > MAX_MESSAGE) throw new SaslFailure('message too long');
    const text = message.toString();
    return this.#first === undefined
      ? { token: Buffer.from(this.#greet(text)), done: false }
      : { token: Buffer.from(this.#verify(text)), done: true };
  }

  /** client-first-message: `n,[a=authzid],n=user,r=nonce[,extensions]` */
  #greet(text: string): string {
    const found = /^[ny],(?:a=([^,]*))?,(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(text);
    if (found === null) throw new SaslFailure('malformed first message');
    const [, authzid, bare = '', name = '', clientNonce = ''] = found;
    this.#user = unescapeName(name);
    if (authzid !== undefined && authzid !== '' && unescapeName(authzid) !== this.#user) {
      throw new SaslFailure('acting for another user is not served');
    }
    this.#credential = this.find(this.#user);
    const { salt, iterations } = this.#credential;
    const nonce = `${clientNonce}${this.serverNonce}`;
    const server = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.#first = { bare, server, nonce };
    return server;
  }

  /** client-final-message: `c=channel binding,r=nonce,p=proof` */
  #verify(text: string): string {
    const { bare, server, nonce } = this.#first as Greeting;
    const { hash, storedKey, serverKey } = this.#credential as ScramCredential;
    const found = /^((c=([^,]+)),r=([^,]+)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(text);
    if (found === null) throw new SaslFailure('malformed final message');
    const [, withoutProof = '', , binding = '', sentNonce, proof = ''] = found;
    const bound = Buffer.from(binding, 'base64').toString();
    if (!/^[ny],(a=[^,]*)?,$/.test(bound)) throw new SaslFailure('wrong channel binding');
    if (sentNonce !== nonce) throw new SaslFailure('wrong nonce');
    const authMessage = `${bare},${server},${withoutProof}`;
    const signature = hmac(hash, storedKey, authMessage);
    const sent = Buffer.from(proof, 'base64');
    // Of another length it is wrong anyway; compared all the same, so that time tells nothing.
    const clientKey = Buffer.from(signature.map((byte, at) => byte ^ (sent[at] ?? 0)));
    const matches = timingSafeEqual(createHash(hash).update(clientKey).digest(), storedKey);
    if (!matches || sent.length !== signature.length) throw new SaslFailure('wrong proof');
    return `v=${hmac(hash, serverKey, authMessage).toString('base64')}`;
  }
}

function hmac(hash: ScramHash, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest();
}

/** `=2C` is a comma and `=3D` an equals sign (RFC 5802, section 5.1). */
function unescapeName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw new SaslFailure('malformed user name');
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=');
}
