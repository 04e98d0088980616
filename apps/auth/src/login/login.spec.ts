import { createTokenVerifier } from '@rookery/security';
import { useDatabase } from '@rookery/testing/database';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AUDIENCE,
  basic,
  ISSUER,
  NATIVE_REDIRECT_URI,
  REDIRECT_URI,
  startAuth,
  type AuthUnderTest,
} from '../testing/auth-under-test.js';
import { Browser, type Visit } from '../testing/browser.js';

const db = useDatabase();
let auth: AuthUnderTest;
/** The same service once more, over the same database. */
let replica: AuthUnderTest;

beforeAll(async () => {
  auth = await startAuth(db.url);
  replica = await startAuth(db.url);
});
afterAll(() => Promise.all([auth.stop(), replica.stop()]));

const ADA = { username: 'ada', password: 'correct horse battery' };
const SCOPE = 'openid profile offline_access orders:read orders:write';

const browser = (): Browser => new Browser(auth.fetch, (url) => !url.startsWith(ISSUER));

function shop(at = auth): Promise<client.Configuration> {
  return client.discovery(
    new URL(ISSUER),
    'shop',
    'shop-secret-12',
    client.ClientSecretBasic('shop-secret-12'),
    { [client.customFetch]: at.fetch as never, execute: [client.allowInsecureRequests] },
  );
}

interface Flow {
  readonly config: client.Configuration;
  readonly url: URL;
  readonly checks: { pkceCodeVerifier: string; expectedState: string; expectedNonce: string };
}

async function begin(parameters: Record<string, string> = {}): Promise<Flow> {
  const config = await shop();
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
async function authorize({ url }: Flow, who = browser()): Promise<URL> {
  const login = await who.get(url.href);
  const consent = await who.submit(login, '/login', ADA);
  return new URL((await who.submit(consent, '/consent')).url);
}

type Tokens = Awaited<ReturnType<typeof client.authorizationCodeGrant>>;

async function signIn(parameters: Record<string, string> = {}): Promise<Tokens> {
  const flow = await begin(parameters);
  const callback = await authorize(flow);
  return client.authorizationCodeGrant(flow.config, callback, {
    ...flow.checks,
    idTokenExpected: true,
  });
}

function refresh(token: string, at = auth): Promise<Response> {
  return at.fetch(`${ISSUER}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }).toString(),
    headers: {
      authorization: basic('shop', 'shop-secret-12'),
      'content-type': 'application/x-www-form-urlencoded',
    },
  });
}

function exchange(
  fields: Record<string, string>,
  as = 'shop',
  secret = 'shop-secret-12',
  at = auth,
) {
  return at.fetch(`${ISSUER}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'authorization_code', ...fields }).toString(),
    headers: {
      authorization: basic(as, secret),
      'content-type': 'application/x-www-form-urlencoded',
    },
  });
}

describe('authorization code with PKCE', () => {
  it('signs a user in through the pages, with an access token for the API', async () => {
    const tokens = await signIn();
    expect(tokens.claims()).toMatchObject({
      name: 'Ada',
      preferred_username: 'ada',
      roles: ['admin'],
    });
    const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, fetch: auth.fetch });
    const principal = await verifier.verify(tokens.access_token);
    expect(principal).toMatchObject({ subject: tokens.claims()!.sub, clientId: 'shop' });
    expect([...principal.scopes]).toEqual(['orders:read', 'orders:write']);
    expect([...principal.roles]).toEqual(['admin']);
    await expect(verifier.verify(tokens.id_token!)).rejects.toMatchObject({ status: 401 });
  });

  it('says who answered, so that a client of several issuers is not mixed up', async () => {
    const callback = await authorize(await begin());
    expect(callback.searchParams.get('iss')).toBe(ISSUER);
  });

  it('does not ask a signed-in browser again for what it agreed to', async () => {
    const who = browser();
    await authorize(await begin(), who);
    const { url } = await begin({ prompt: '', scope: 'openid orders:read' });
    url.searchParams.delete('prompt');
    const visit = await who.get(url.href);
    expect(visit.url).toMatch(/^https:\/\/shop\.test\/callback\?code=/);
  });

  it('shows the application by name, escaped', async () => {
    const { url } = await begin();
    const login = await browser().get(url.href);
    expect(login.body).toContain('The &lt;Shop&gt;');
    expect(login.body).not.toContain('<Shop>');
  });

  it('gives nothing but a reason when the user cancels', async () => {
    const who = browser();
    const { url } = await begin();
    const visit = await who.submit(await who.get(url.href), '/abort');
    const { searchParams } = new URL(visit.url);
    expect(searchParams.get('error')).toBe('access_denied');
    expect(searchParams.get('code')).toBeNull();
  });

  it('lets a native application come back to any port of the loopback address', async () => {
    const config = await client.discovery(new URL(ISSUER), 'terminal', undefined, client.None(), {
      [client.customFetch]: auth.fetch as never,
      execute: [client.allowInsecureRequests],
    });
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: NATIVE_REDIRECT_URI.replace('127.0.0.1', '127.0.0.1:51234'),
      scope: 'openid orders:read',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    const callback = await authorize({ config, url, checks: undefined as never });
    expect(callback.port).toBe('51234');
    const tokens = await client.authorizationCodeGrant(config, callback, {
      pkceCodeVerifier,
      idTokenExpected: true,
    });
    expect(tokens.scope).toContain('orders:read');
  });

  it('answers prompt=none without a session with login_required', async () => {
    const { url } = await begin({ prompt: 'none', scope: 'openid' });
    const visit = await browser().get(url.href);
    expect(new URL(visit.url).searchParams.get('error')).toBe('login_required');
  });

  it('refuses redirects that differ from the registered one in any way, without redirecting', async () => {
    for (const redirect_uri of [
      `${REDIRECT_URI}/`,
      `${REDIRECT_URI}?next=x`,
      `${REDIRECT_URI}#x`,
      'https://shop.test/other',
      'https://shop.test:8443/callback',
      'http://shop.test/callback',
      'https://shop.test.evil.example/callback',
      'https://shop.test@evil.example/callback',
      'javascript:alert(1)',
    ]) {
      const { url } = await begin({ redirect_uri });
      const visit = await browser().get(url.href);
      expect(visit.status, redirect_uri).toBe(400);
      expect(visit.url, redirect_uri).toBe(url.href);
      expect(visit.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    }
  });

  it('refuses a request without PKCE, or with the plain method', async () => {
    for (const change of [
      (url: URL) => url.searchParams.delete('code_challenge'),
      (url: URL) => url.searchParams.set('code_challenge_method', 'plain'),
    ]) {
      const { url } = await begin();
      change(url);
      if (!url.searchParams.has('code_challenge')) url.searchParams.delete('code_challenge_method');
      const visit = await browser().get(url.href);
      expect(new URL(visit.url).searchParams.get('error')).toBe('invalid_request');
    }
  });

  it('refuses a request_uri of somebody else, without fetching it', async () => {
    const { url } = await begin();
    url.searchParams.set('request_uri', 'http://127.0.0.1:1/request');
    const visit = await browser().get(url.href);
    expect(visit.url).toMatch(/error=request_uri_not_supported|error=invalid_request/);
  });

  it('refuses scopes that the application may not have', async () => {
    const { url } = await begin({ scope: 'openid ops:write' });
    const visit = await browser().get(url.href);
    expect(new URL(visit.url).searchParams.get('error')).toBe('invalid_scope');
  });

  it('refuses a code with a wrong verifier, redirect or client', async () => {
    const flow = await begin();
    const code = (await authorize(flow)).searchParams.get('code')!;
    const right = { code, redirect_uri: REDIRECT_URI, code_verifier: flow.checks.pkceCodeVerifier };
    const wrong = [
      exchange({ ...right, code_verifier: client.randomPKCECodeVerifier() }),
      exchange({ ...right, redirect_uri: 'https://shop.test/other' }),
      exchange(right, 'rival', 'rival-secret-1'),
      exchange({ code, redirect_uri: REDIRECT_URI }),
    ];
    for (const response of await Promise.all(wrong)) {
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: 'invalid_grant' });
    }
  });

  it('takes a code once out of 50 parallel exchanges on two instances', async () => {
    const flow = await begin();
    const code = (await authorize(flow)).searchParams.get('code')!;
    const fields = {
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: flow.checks.pkceCodeVerifier,
    };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        exchange(fields, 'shop', 'shop-secret-12', i % 2 === 0 ? auth : replica),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 49 }, () => 400)]);
  });

  it('takes back what a code gave when the code comes a second time', async () => {
    const flow = await begin();
    const code = (await authorize(flow)).searchParams.get('code')!;
    const fields = {
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: flow.checks.pkceCodeVerifier,
    };
    const tokens = (await (await exchange(fields)).json()) as { refresh_token: string };
    expect((await exchange(fields)).status).toBe(400);
    expect((await refresh(tokens.refresh_token)).status).toBe(400);
  });
});

describe('refresh', () => {
  it('gives a new refresh token each time, whose chain ends when the first one would', async () => {
    const first = await signIn();
    const config = await shop();
    const second = await client.refreshTokenGrant(config, first.refresh_token!);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second.access_token).not.toBe(first.access_token);
    const { rows } = await db.database.pool.query<{ expires_at: Date }>(
      `select expires_at from artifacts where model = 'RefreshToken' and grant_id = (
         select grant_id from artifacts where model = 'RefreshToken' order by expires_at desc limit 1)`,
    );
    const ends = rows.map(({ expires_at }) => expires_at.getTime());
    expect(Math.max(...ends) - Math.min(...ends)).toBeLessThan(3_000);
  });

  it('revokes the whole family when a used token comes again, within the same second too', async () => {
    const { refresh_token: first } = await signIn();
    const second = (await (await refresh(first!)).json()) as { refresh_token: string };
    const replay = await refresh(first!, replica);
    expect(replay.status).toBe(400);
    expect(await replay.json()).toMatchObject({ error: 'invalid_grant' });
    expect((await refresh(second.refresh_token)).status).toBe(400);
  });

  it('succeeds for at most one of 20 parallel uses on two instances', async () => {
    const { refresh_token: token } = await signIn();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => refresh(token!, i % 2 === 0 ? auth : replica)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('is refused after the token was revoked', async () => {
    const { refresh_token: token } = await signIn();
    await client.tokenRevocation(await shop(), token!);
    expect((await refresh(token!)).status).toBe(400);
  });

  it('stores no token that could be used by whoever reads the table', async () => {
    const { refresh_token: token } = await signIn();
    const { rows } = await db.database.pool.query(
      "select * from artifacts where model <> 'Session'",
    );
    expect(JSON.stringify(rows)).not.toContain(token);
  });
});

describe('pages', () => {
  async function loginPage(): Promise<{ who: Browser; page: Visit }> {
    const who = browser();
    const { url } = await begin();
    return { who, page: await who.get(url.href) };
  }

  it('cannot be framed, load nothing and are not kept', async () => {
    const { page } = await loginPage();
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' https://shop.test");
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    expect(page.body).not.toMatch(/<script|https?:\/\//);
  });

  it('refuse a form without the page’s token, or from a foreign origin', async () => {
    const { who, page } = await loginPage();
    const action = `${page.url}/login`;
    expect((await who.post(action, { ...ADA })).status).toBe(403);
    expect((await who.post(action, { ...ADA, xsrf: 'x'.repeat(43) })).status).toBe(403);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)![1]!;
    expect((await who.post(action, { ...ADA, xsrf }, 'https://evil.example')).status).toBe(403);
    expect((await who.post(action, { ...ADA, xsrf }, 'null')).status).toBe(403);
  });

  it('refuse a browser that did not begin the sign-in', async () => {
    const { page } = await loginPage();
    const stranger = browser();
    const visit = await stranger.get(page.url);
    expect(visit.status).toBe(400);
    expect(visit.body).toContain('RKY_AUTH_INTERACTION_EXPIRED');
    const asProgram = await auth.fetch(page.url, { headers: { accept: 'application/json' } });
    expect(asProgram.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await asProgram.json()).toMatchObject({ code: 'RKY_AUTH_INTERACTION_EXPIRED' });
  });

  it('refuse a consent before the sign-in', async () => {
    const { who, page } = await loginPage();
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)![1]!;
    expect((await who.post(`${page.url}/consent`, { xsrf })).status).toBe(400);
  });

  it('answer a wrong name and a wrong password alike, and escape what was typed', async () => {
    const { who, page } = await loginPage();
    const wrongName = await who.submit(page, '/login', { username: '"><b>', password: 'whatever' });
    const wrongPassword = await who.submit(page, '/login', {
      username: 'ada',
      password: 'whatever',
    });
    expect([wrongName.status, wrongPassword.status]).toEqual([401, 401]);
    expect(wrongName.body).not.toContain('"><b>');
    expect(wrongName.body.replace('&quot;&gt;&lt;b&gt;', 'ada')).toBe(wrongPassword.body);
  });

  it('refuse a password of a megabyte, or none, without hashing it', async () => {
    const { who, page } = await loginPage();
    const long = await who.submit(page, '/login', {
      username: 'ada',
      password: 'x'.repeat(900_000),
    });
    expect(long.status).toBe(400);
    const none = await who.submit(page, '/login', { username: 'ada' });
    expect(none.status).toBe(400);
  });

  it('find a user whatever the case of the name', async () => {
    const { who, page } = await loginPage();
    const visit = await who.submit(page, '/login', {
      username: 'BOB',
      password: 'another password',
    });
    expect(visit.body).toContain('Allow');
  });

  it('slow down guessing, without telling whether the right password came', async () => {
    const { who, page } = await loginPage();
    const statuses: number[] = [];
    for (let i = 0; i < 10; i++) {
      const visit = await who.submit(page, '/login', { username: 'eve', password: `guess ${i}` });
      statuses.push(visit.status);
      if (visit.status === 429) expect(visit.headers.get('retry-after')).toMatch(/^\d+$/);
    }
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(statuses.at(-1)).toBe(429);
  });

  it('change the session id at sign-in, so that a planted one is worth nothing', async () => {
    const { who, page } = await loginPage();
    const before = who.cookie('_session');
    await who.submit(page, '/login', ADA);
    const after = who.cookie('_session');
    expect(after).toBeDefined();
    expect(after).not.toBe(before);
  });

  it('sign out only on confirmation, and return to a registered address only', async () => {
    const flow = await begin();
    const who = browser();
    const callback = await authorize(flow, who);
    const tokens = await client.authorizationCodeGrant(flow.config, callback, flow.checks);
    const end = client.buildEndSessionUrl(flow.config, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: 'https://shop.test/bye',
    });
    const ask = await who.get(end.href);
    expect(ask.body).toContain('Sign out?');
    expect(ask.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    const gone = await who.submit(ask, '/session/end/confirm', { logout: 'yes' });
    expect(gone.url).toMatch(/^https:\/\/shop\.test\/bye/);
    const { url } = await begin({ prompt: 'none', scope: 'openid' });
    expect((await who.get(url.href)).url).toContain('error=login_required');
    const foreign = client.buildEndSessionUrl(flow.config, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: 'https://evil.example/bye',
    });
    expect((await browser().get(foreign.href)).status).toBe(400);
  });
});
