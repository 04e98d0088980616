import * as client from 'openid-client';
import { basic, ISSUER, REDIRECT_URI, type AuthUnderTest } from './auth-under-test.js';
import { Browser } from './browser.js';

/** Somebody who can sign in. */
export const ADA = { username: 'ada', password: 'correct horse battery' };
const SCOPE = 'openid profile offline_access orders:read orders:write';
const SECRET = 'shop-secret-12';

/** A sign-in that was begun. */
export interface Flow {
  readonly config: client.Configuration;
  readonly url: URL;
  readonly checks: { pkceCodeVerifier: string; expectedState: string; expectedNonce: string };
}

/** What the token endpoint gave for a code. */
export type Tokens = Awaited<ReturnType<typeof client.authorizationCodeGrant>>;

/** An application that signs users in: openid-client over the server under test. */
export class Shop {
  constructor(private readonly auth: () => AuthUnderTest) {}

  browser(): Browser {
    return new Browser(this.auth().fetch, (url) => !url.startsWith(ISSUER));
  }

  discover(id = 'shop', secret: string | undefined = SECRET): Promise<client.Configuration> {
    const method = secret === '' ? client.None() : client.ClientSecretBasic(secret);
    return client.discovery(new URL(ISSUER), id, secret, method, {
      [client.customFetch]: this.auth().fetch,
      execute: [client.allowInsecureRequests],
    });
  }

  async begin(parameters: Record<string, string> = {}): Promise<Flow> {
    const config = await this.discover();
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const expectedNonce = client.randomNonce();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT_URI,
      scope: SCOPE,
      prompt: 'consent',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      nonce: expectedNonce,
      ...parameters,
    });
    return { config, url, checks: { pkceCodeVerifier, expectedState, expectedNonce } };
  }

  /** Signs in and agrees; returns where the browser was sent with the code. */
  async authorize(url: URL, who = this.browser()): Promise<URL> {
    const login = await who.get(url.href);
    const consent = await who.submit(login, '/login', ADA);
    return new URL((await who.submit(consent, '/consent')).url);
  }

  async signIn(): Promise<Tokens> {
    const flow = await this.begin();
    const callback = await this.authorize(flow.url);
    return client.authorizationCodeGrant(flow.config, callback, {
      ...flow.checks,
      idTokenExpected: true,
    });
  }

  refresh(token: string, at = this.auth()): Promise<Response> {
    return ask(at, { grant_type: 'refresh_token', refresh_token: token });
  }

  exchange(
    fields: Record<string, string>,
    as: [id: string, secret: string] = ['shop', SECRET],
    at = this.auth(),
  ): Promise<Response> {
    return ask(at, { grant_type: 'authorization_code', ...fields }, as);
  }
}

function ask(
  at: AuthUnderTest,
  fields: Record<string, string>,
  [id, secret]: [id: string, secret: string] = ['shop', SECRET],
): Promise<Response> {
  return at.fetch(`${ISSUER}/token`, {
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    headers: {
      authorization: basic(id, secret),
      'content-type': 'application/x-www-form-urlencoded',
    },
  });
}
