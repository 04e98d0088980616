import { createTokenVerifier } from '@rookery/security';
import { useDatabase } from '@rookery/testing/database';
import { createRemoteJWKSet, customFetch, decodeProtectedHeader, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  AUDIENCE,
  basic,
  ISSUER,
  startAuth,
  type AuthUnderTest,
} from '../testing/auth-under-test.js';

const db = useDatabase();
const notices: string[] = [];
let auth: AuthUnderTest;

beforeAll(async () => {
  for (const method of ['info', 'warn', 'log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => void notices.push(args.join(' ')));
  }
  auth = await startAuth(db.url);
});
afterAll(async () => {
  await auth.stop();
  vi.restoreAllMocks();
});

async function discover(id: string, secret: string): Promise<client.Configuration> {
  return client.discovery(new URL(ISSUER), id, secret, client.ClientSecretBasic(secret), {
    [client.customFetch]: auth.fetch,
    execute: [client.allowInsecureRequests],
  });
}

function token(fields: Record<string, string>, authorization?: string): Promise<Response> {
  return auth.fetch(`${ISSUER}/token`, {
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(authorization === undefined ? {} : { authorization }),
    },
  });
}

describe('metadata', () => {
  it('describes only what OAuth 2.1 keeps, under the name of the issuer', async () => {
    const response = await auth.fetch(`${ISSUER}/.well-known/openid-configuration`, {});
    expect(await response.json()).toMatchObject({
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/jwks`,
      token_endpoint: `${ISSUER}/token`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      id_token_signing_alg_values_supported: ['ES256'],
      authorization_response_iss_parameter_supported: true,
    });
  });

  it('is not moved by the Host header of a request', async () => {
    const { port } = new URL(auth.base);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(
          'GET /.well-known/openid-configuration HTTP/1.1\r\nHost: evil.example\r\n' +
            'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n',
        ),
      );
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('end', () => resolve(text)).on('error', reject);
    });
    expect(answer).toContain(`"jwks_uri":"${ISSUER}/jwks"`);
    expect(answer).not.toContain('evil');
  });

  it('publishes public keys only, cacheable for five minutes', async () => {
    const response = await auth.fetch(`${ISSUER}/jwks`, {});
    expect(response.headers.get('cache-control')).toBe('public, max-age=300');
    const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' });
    expect(keys[0]).not.toHaveProperty('d');
  });

  it('signs with the same key after a restart, and on a second instance', async () => {
    const kids = async (server: AuthUnderTest): Promise<unknown> =>
      (await server.fetch(`${ISSUER}/jwks`, {})).json();
    const second = await startAuth(db.url);
    expect(await kids(second)).toEqual(await kids(auth));
    await second.stop();
  });
});

describe('client credentials', () => {
  it('gives an access token that our verifier and plain jose accept', async () => {
    const config = await discover('orders', 'orders-secret-1');
    const answer = await client.clientCredentialsGrant(config, { scope: 'inventory:read' });
    expect(answer).toMatchObject({
      token_type: 'bearer',
      scope: 'inventory:read',
      expires_in: 300,
    });

    const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, fetch: auth.fetch });
    const principal = await verifier.verify(answer.access_token);
    expect(principal).toMatchObject({ subject: 'orders', clientId: 'orders' });
    expect([...principal.scopes]).toEqual(['inventory:read']);

    const keys = createRemoteJWKSet(new URL(`${ISSUER}/jwks`), {
      [customFetch]: auth.fetch,
    });
    await jwtVerify(answer.access_token, keys, {
      issuer: ISSUER,
      audience: AUDIENCE,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    });
    expect(decodeProtectedHeader(answer.access_token)).toMatchObject({ alg: 'ES256' });
  });

  it('gives all scopes of the client when it names none', async () => {
    const config = await discover('orders', 'orders-secret-1');
    const answer = await client.clientCredentialsGrant(config);
    expect(answer.scope).toBe('inventory:read inventory:write');
  });

  it('gives a client with * every scope of other clients and of the configuration', async () => {
    const config = await discover('operator', 'operator+secret/with:signs');
    const { scope } = await client.clientCredentialsGrant(config);
    expect(scope?.split(' ')).toEqual([
      'billing:read',
      'billing:write',
      'inventory:read',
      'inventory:write',
      'orders:read',
      'orders:write',
    ]);
  });

  it('refuses a scope that the client does not have', async () => {
    const config = await discover('orders', 'orders-secret-1');
    await expect(
      client.clientCredentialsGrant(config, { scope: 'inventory:read ops:write' }),
    ).rejects.toMatchObject({ error: 'invalid_scope' });
  });

  it('refuses a resource that it does not know', async () => {
    const config = await discover('orders', 'orders-secret-1');
    await expect(
      client.clientCredentialsGrant(config, { resource: 'urn:other' }),
    ).rejects.toMatchObject({ error: 'invalid_target' });
  });

  it('refuses the implicit and the password grant', async () => {
    const password = await token(
      { grant_type: 'password', username: 'ada', password: 'correct horse battery' },
      basic('orders', 'orders-secret-1'),
    );
    expect(password.status).toBe(400);
    expect(await password.json()).toMatchObject({ error: 'unsupported_grant_type' });
    const query = new URLSearchParams({
      client_id: 'shop',
      response_type: 'token',
      redirect_uri: 'https://shop.test/callback',
      scope: 'openid',
    });
    const implicit = await auth.fetch(`${ISSUER}/auth?${query}`, { redirect: 'manual' });
    expect(implicit.headers.get('location')).toMatch(/error=unsupported_response_type/);
  });

  it('takes a form only, and not an endless one', async () => {
    const authorization = basic('orders', 'orders-secret-1');
    const json = await auth.fetch(`${ISSUER}/token`, {
      method: 'POST',
      body: '{"grant_type":"client_credentials"}',
      headers: { authorization, 'content-type': 'application/json' },
    });
    expect(json.status).toBe(400);
    const long = await token(
      { grant_type: 'client_credentials', padding: 'x'.repeat(70_000) },
      authorization,
    );
    expect(long.status).toBeGreaterThanOrEqual(400);
    expect(long.status).toBeLessThan(500);
  });

  it('sends no CORS grant to a foreign origin', async () => {
    const response = await auth.fetch(`${ISSUER}/token`, {
      method: 'POST',
      body: 'grant_type=client_credentials',
      headers: {
        authorization: basic('orders', 'orders-secret-1'),
        'content-type': 'application/x-www-form-urlencoded',
        origin: 'https://evil.example',
      },
    });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('answers a wrong secret with 401 and a challenge, and guessing with 429', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const response = await token(
        { grant_type: 'client_credentials' },
        basic('orders', `wrong-secret-${i}`),
      );
      statuses.push(response.status);
      if (i === 0) {
        expect(response.headers.get('www-authenticate')).toMatch(
          /^Basic realm="http:\/\/auth.test"/,
        );
      }
      if (response.status === 429) {
        expect(response.headers.get('retry-after')).toBe('1');
        expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(await response.json()).toMatchObject({ code: 'RKY_AUTH_TOO_MANY_ATTEMPTS' });
      }
    }
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(statuses.at(-1)).toBe(429);
    const other = await token(
      { grant_type: 'client_credentials' },
      basic('operator', 'operator+secret/with:signs'),
    );
    expect(other.status).toBe(200);
  });
});

describe('what is stored', () => {
  beforeEach(async () => {
    const config = await discover('operator', 'operator+secret/with:signs');
    await client.clientCredentialsGrant(config);
  });

  it('holds client secrets and passwords as argon2id hashes only', async () => {
    const { rows: clients } = await db.database.pool.query('select * from clients');
    const { rows: users } = await db.database.pool.query('select * from users');
    const text = JSON.stringify([clients, users]);
    expect(text).not.toContain('orders-secret-1');
    expect(text).not.toContain('correct horse battery');
    for (const { password_hash } of users as { password_hash: string }[]) {
      expect(password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    }
  });

  it('is the same after a second start with the same seed', async () => {
    const read = async (): Promise<unknown> =>
      (await db.database.pool.query('select id, password_hash from users order by id')).rows;
    const before = await read();
    const again = await startAuth(db.url);
    await again.stop();
    expect(await read()).toEqual(before);
  });

  it('can be encrypted keys, which another secret does not open', async () => {
    const secret = 'a secret of at least 32 characters';
    await db.database.pool.query('truncate signing_keys, cookie_keys');
    const sealed = await startAuth(db.url, { AUTH_SERVER_SECRET: secret });
    await sealed.stop();
    const { rows } = await db.database.pool.query<{ jwk: string }>('select jwk from signing_keys');
    expect(rows[0]!.jwk).toMatch(/^v1\./);
    await expect(
      startAuth(db.url, { AUTH_SERVER_SECRET: `${secret} but another` }),
    ).rejects.toThrow(/authServer.secret: does not open the keys/);
    await expect(startAuth(db.url)).rejects.toThrow(/authServer.secret: is missing/);
  });
});

it('leaves no development setting behind: the provider has nothing to warn of', () => {
  expect(notices.filter((line) => /oidc-provider (NOTICE|WARNING)/.test(line))).toEqual([]);
});
