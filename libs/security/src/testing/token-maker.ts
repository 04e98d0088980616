import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

/** What {@link TokenMaker.start} may be told. */
export interface TokenMakerOptions {
  /** `aud` of its tokens. @default urn:rookery:api */
  readonly audience?: string;
  /** @default ES256 */
  readonly algorithm?: string;
  /** Life of tokens from its token endpoint, in seconds. @default 300 */
  readonly expiresIn?: number;
}

/** What a token shall say. */
export interface TokenRequest {
  /** @default user-1 */
  readonly subject?: string;
  /** @default test-client */
  readonly clientId?: string;
  readonly scopes?: readonly string[];
  readonly roles?: readonly string[];
  /** Seconds; negative for an expired token. @default 300 */
  readonly expiresIn?: number;
  /** Further claims; one set to `undefined` is left out of the token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Further header fields. */
  readonly header?: Readonly<Record<string, unknown>>;
}

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/**
 * A token issuer for tests: real keys and tokens, discovery, JWKS and a client-credentials endpoint
 * over HTTP on a free loopback port.
 */
export class TokenMaker {
  /** The newest key signs; all are published. */
  readonly #keys: SigningKey[] = [];
  /** How often the key set was fetched. */
  keyFetches = 0;
  /** How often the token endpoint was asked. */
  tokenRequests = 0;
  /** While true, all endpoints answer 503. */
  broken = false;

  private constructor(
    private readonly server: Server,
    private readonly options: Required<TokenMakerOptions>,
  ) {}

  static async start(options: TokenMakerOptions = {}): Promise<TokenMaker> {
    const server = createServer();
    const maker = new TokenMaker(server, {
      audience: 'urn:rookery:api',
      algorithm: 'ES256',
      expiresIn: 300,
      ...options,
    });
    await maker.rotate();
    server.on('request', (request, response) => void maker.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return maker;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get audience(): string {
    return this.options.audience;
  }

  /** The public key that signs now, as published. */
  get publicJwk(): JWK {
    return this.#keys.at(-1)!.jwk;
  }

  /** Adds a key and signs with it from now on. */
  async rotate(): Promise<void> {
    const alg = this.options.algorithm;
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `key-${this.#keys.length + 1}`;
    const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
    this.#keys.push({ kid, privateKey, jwk });
  }

  /** Publishes only the newest key from now on. */
  retireOldKeys(): void {
    this.#keys.splice(0, this.#keys.length - 1);
  }

  /** A signed access token. */
  async token(request: TokenRequest = {}): Promise<string> {
    const { kid, privateKey } = this.#keys.at(-1)!;
    const now = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: this.issuer,
      aud: this.options.audience,
      sub: request.subject ?? 'user-1',
      client_id: request.clientId ?? 'test-client',
      iat: now,
      exp: now + (request.expiresIn ?? 300),
      jti: `${now}-${Math.random()}`,
      ...(request.scopes && { scope: request.scopes.join(' ') }),
      ...(request.roles && { roles: request.roles }),
      ...request.claims,
    };
    return new SignJWT(JSON.parse(JSON.stringify(claims)) as Record<string, unknown>)
      .setProtectedHeader({ alg: this.options.algorithm, kid, typ: 'at+jwt', ...request.header })
      .sign(privateKey, { crit: { 'urn:example:must': true } });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    let form = '';
    for await (const chunk of request) form += String(chunk);
    if (this.broken) return send(503, { error: 'temporarily_unavailable' });
    switch (request.url) {
      case '/.well-known/openid-configuration':
        return send(200, {
          issuer: this.issuer,
          jwks_uri: `${this.issuer}/jwks`,
          token_endpoint: `${this.issuer}/token`,
        });
      case '/jwks':
        this.keyFetches++;
        return send(200, { keys: this.#keys.map(({ jwk }) => jwk) });
      case '/token':
        this.tokenRequests++;
        return send(...(await this.#grant(request, new URLSearchParams(form))));
      default:
        return send(404, { error: 'not_found' });
    }
  }

  async #grant(request: IncomingMessage, form: URLSearchParams): Promise<[number, unknown]> {
    const [scheme, credentials = ''] = (request.headers.authorization ?? '').split(' ');
    const [client, secret] = Buffer.from(credentials, 'base64').toString().split(':');
    if (scheme !== 'Basic' || !client || !secret) return [401, { error: 'invalid_client' }];
    if (form.get('grant_type') !== 'client_credentials') {
      return [400, { error: 'unsupported_grant_type' }];
    }
    const expiresIn = this.options.expiresIn;
    const token = await this.token({
      subject: client,
      clientId: client,
      expiresIn,
      scopes: form.get('scope')?.split(' ') ?? [],
      claims: { aud: form.get('resource') ?? this.options.audience },
    });
    return [200, { access_token: token, token_type: 'Bearer', expires_in: expiresIn }];
  }
}
