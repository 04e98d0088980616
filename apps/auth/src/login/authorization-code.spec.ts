import { createTokenVerifier } from '@rookery/security';
import { useDatabase } from '@rookery/testing/database';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AUDIENCE,
  ISSUER,
  NATIVE_REDIRECT_URI,
  REDIRECT_URI,
  startAuth,
  type AuthUnderTest,
} from '../testing/auth-under-test.js';
import { Shop } from '../testing/shop.js';

const db = useDatabase();
let auth: AuthUnderTest;
/** The same service once more, over the same database. */
let replica: AuthUnderTest;
const shop = new Shop(() => auth);

beforeAll(async () => {
  auth = await startAuth(db.url);
  replica = await startAuth(db.url);
});
afterAll(() => Promise.all([auth.stop(), replica.stop()]));

describe('authorization code with PKCE', () => {
  it('signs a user in through the pages, with an access token for the API', async () => {
    const tokens = await shop.signIn();
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
    const callback = await shop.authorize((await shop.begin()).url);
    expect(callback.searchParams.get('iss')).toBe(ISSUER);
  });

  it('does not ask a signed-in browser again for what it agreed to', async () => {
    const who = shop.browser();
    await shop.authorize((await shop.begin()).url, who);
    const { url } = await shop.begin({ prompt: '', scope: 'openid orders:read' });
    url.searchParams.delete('prompt');
    const visit = await who.get(url.href);
    expect(visit.url).toMatch(/^https:\/\/shop\.test\/callback\?code=/);
  });

  it('shows the application by name, escaped', async () => {
    const { url } = await shop.begin();
    const login = await shop.browser().get(url.href);
    expect(login.body).toContain('The &lt;Shop&gt;');
    expect(login.body).not.toContain('<Shop>');
  });

  it('gives nothing but a reason when the user cancels', async () => {
    const who = shop.browser();
    const { url } = await shop.begin();
    const visit = await who.submit(await who.get(url.href), '/abort');
    const { searchParams } = new URL(visit.url);
    expect(searchParams.get('error')).toBe('access_denied');
    expect(searchParams.get('code')).toBeNull();
  });

  it('lets a native application come back to any port of the loopback address', async () => {
    const config = await shop.discover('terminal', '');
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: NATIVE_REDIRECT_URI.replace('127.0.0.1', '127.0.0.1:51234'),
      scope: 'openid orders:read',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    const callback = await shop.authorize(url);
    expect(callback.port).toBe('51234');
    const tokens = await client.authorizationCodeGrant(config, callback, {
      pkceCodeVerifier,
      idTokenExpected: true,
    });
    expect(tokens.scope).toContain('orders:read');
  });

  it('answers prompt=none without a session with login_required', async () => {
    const { url } = await shop.begin({ prompt: 'none', scope: 'openid' });
    const visit = await shop.browser().get(url.href);
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
      const { url } = await shop.begin({ redirect_uri });
      const visit = await shop.browser().get(url.href);
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
      const { url } = await shop.begin();
      change(url);
      if (!url.searchParams.has('code_challenge')) url.searchParams.delete('code_challenge_method');
      const visit = await shop.browser().get(url.href);
      expect(new URL(visit.url).searchParams.get('error')).toBe('invalid_request');
    }
  });

  it('refuses a request_uri of somebody else, without fetching it', async () => {
    const { url } = await shop.begin();
    url.searchParams.set('request_uri', 'http://127.0.0.1:1/request');
    const visit = await shop.browser().get(url.href);
    expect(visit.url).toMatch(/error=request_uri_not_supported|error=invalid_request/);
  });

  it('refuses scopes that the application may not have', async () => {
    const { url } = await shop.begin({ scope: 'openid ops:write' });
    const visit = await shop.browser().get(url.href);
    expect(new URL(visit.url).searchParams.get('error')).toBe('invalid_scope');
  });

  it('refuses a code with a wrong verifier, redirect or client', async () => {
    const flow = await shop.begin();
    const code = (await shop.authorize(flow.url)).searchParams.get('code')!;
    const right = { code, redirect_uri: REDIRECT_URI, code_verifier: flow.checks.pkceCodeVerifier };
    const wrong = [
      shop.exchange({ ...right, code_verifier: client.randomPKCECodeVerifier() }),
      shop.exchange({ ...right, redirect_uri: 'https://shop.test/other' }),
      shop.exchange(right, ['rival', 'rival-secret-1']),
      shop.exchange({ code, redirect_uri: REDIRECT_URI }),
    ];
    for (const response of await Promise.all(wrong)) {
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: 'invalid_grant' });
    }
  });

  it('takes a code once out of 50 parallel exchanges on two instances', async () => {
    const flow = await shop.begin();
    const code = (await shop.authorize(flow.url)).searchParams.get('code')!;
    const fields = {
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: flow.checks.pkceCodeVerifier,
    };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        shop.exchange(fields, undefined, i % 2 === 0 ? auth : replica),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 49 }, () => 400)]);
  });

  it('takes back what a code gave when the code comes a second time', async () => {
    const flow = await shop.begin();
    const code = (await shop.authorize(flow.url)).searchParams.get('code')!;
    const fields = {
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: flow.checks.pkceCodeVerifier,
    };
    const tokens = (await (await shop.exchange(fields)).json()) as { refresh_token: string };
    expect((await shop.exchange(fields)).status).toBe(400);
    expect((await shop.refresh(tokens.refresh_token)).status).toBe(400);
  });
});
