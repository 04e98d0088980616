import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { createApp, RookeryModule, type RunningApp } from '@rookery/platform';
import type { Fetch } from '@rookery/security';
import { AuthServerModule } from '../auth-server.module.js';
import { migrations } from '../persistence/migrations.js';

/** Name under which the server under test issues; requests to it are sent to where it listens. */
export const ISSUER = 'http://auth.test';
export const AUDIENCE = 'urn:rookery:api';
export const REDIRECT_URI = 'https://shop.test/callback';
export const NATIVE_REDIRECT_URI = 'http://127.0.0.1/callback';

const SEED = {
  clients: [
    {
      id: 'orders',
      secret: 'orders-secret-1',
      scopes: ['inventory:read', 'inventory:write'],
      grants: ['client_credentials'],
    },
    {
      id: 'operator',
      secret: 'operator+secret/with:signs',
      scopes: ['*'],
      grants: ['client_credentials'],
    },
    {
      id: 'shop',
      name: 'The <Shop>',
      secret: 'shop-secret-12',
      scopes: ['openid', 'profile', 'offline_access', 'orders:read', 'orders:write'],
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [REDIRECT_URI],
      postLogoutRedirectUris: ['https://shop.test/bye'],
    },
    {
      id: 'rival',
      secret: 'rival-secret-1',
      scopes: ['openid', 'orders:read'],
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: ['https://rival.test/callback'],
    },
    {
      id: 'terminal',
      scopes: ['openid', 'offline_access', 'orders:read'],
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [NATIVE_REDIRECT_URI],
    },
  ],
  users: [
    { username: 'ada', password: 'correct horse battery', name: 'Ada', roles: ['admin'] },
    { username: 'Bob', password: 'another password', name: 'Bob', roles: [] },
  ],
};

@Module({
  imports: [
    RookeryModule.forRoot({ name: 'auth', persistence: { migrations }, discovery: false }),
    AuthServerModule,
  ],
})
class AuthWithoutRegistry {}

/** A running auth service, and a `fetch` that reaches it under its issuer's name. */
export interface AuthUnderTest {
  readonly app: RunningApp;
  readonly base: string;
  readonly fetch: Fetch;
  stop(): Promise<void>;
}

/** Starts the whole app on a free port over the given database. */
export async function startAuth(
  databaseUrl: string,
  environment: Record<string, string> = {},
): Promise<AuthUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'auth-spec-'));
  const seedFile = join(directory, 'seed.json');
  await writeFile(seedFile, JSON.stringify(SEED), { mode: 0o600 });
  const app = await createApp(AuthWithoutRegistry, {
    configDirectory: directory,
    environment: {
      ROOKERY_PROFILE: 'test',
      PORT: '0',
      SERVER_DRAIN_DELAY: '0',
      LOG_LEVEL: 'error',
      DATABASE_URL: databaseUrl,
      AUTH_ISSUER: ISSUER,
      AUTH_SERVER_SEED_FILE: seedFile,
      AUTH_SERVER_SCOPES: 'billing:read,billing:write',
      ...environment,
    },
  });
  const base = (await app.listen()).replace('[::1]', '127.0.0.1');
  return {
    app,
    base,
    fetch: (url, init) => fetch(url.replace(ISSUER, base), init),
    async stop() {
      await app.stop();
      await rm(directory, { recursive: true });
    },
  };
}

/** HTTP Basic credentials of a client, form-encoded as RFC 6749 section 2.3.1 asks. */
export function basic(id: string, secret: string): string {
  const encode = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+');
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString('base64')}`;
}
