import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { RookeryFile } from '../workspace/rookery-file.js';
import { authSeed } from './auth-seed.js';
import { DevelopmentSecrets } from './development-secrets.js';

const folder = mkdtempSync(join(tmpdir(), 'rookery-secrets-'));
const path = join(folder, 'deep/secrets.json');

afterEach(() => rmSync(path, { force: true }));

it('makes a secret once, keeps it, and lets nobody else read it', () => {
  const first = new DevelopmentSecrets(path).get('client:orders');
  const secrets = new DevelopmentSecrets(path);
  expect(secrets.get('client:orders')).toBe(first);
  expect(secrets.get('client:other')).not.toBe(first);
  expect(Buffer.from(first, 'base64url').length).toBe(24);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('says what to do when the file is damaged', () => {
  new DevelopmentSecrets(path).get('discovery');
  for (const damaged of ['{', '[1, 2]', '{"discovery": 5}', '{"discovery": ""}']) {
    writeFileSync(path, damaged);
    const reading = (): unknown => new DevelopmentSecrets(path);
    expect(reading).toThrow(/is damaged: remove it, or run `npx rookery reset`/);
  }
});

it('seeds a client for each app with its own scopes and those of the apps it calls', () => {
  const app = {
    port: 1,
    dependsOn: [],
    after: [],
    calls: [],
    scopes: [],
    database: false,
    kafka: false,
  };
  const file = {
    apps: {
      orders: { ...app, scopes: ['orders:read'], calls: ['stock'] },
      stock: { ...app, scopes: ['stock:read', 'stock:write'] },
    },
  } as unknown as RookeryFile;
  const seed = authSeed(file, new DevelopmentSecrets(path));
  const client = (id: string) => seed.clients.find((one) => one.id === id);
  expect(client('orders')?.scopes).toEqual([
    'ops:read',
    'orders:read',
    'stock:read',
    'stock:write',
  ]);
  expect(client('stock')?.scopes).toEqual(['ops:read', 'stock:read', 'stock:write']);
  expect(client('demo')?.scopes).toEqual([
    'orders:read',
    'stock:read',
    'stock:write',
    'ops:read',
    'ops:write',
  ]);
  expect(client('web')).not.toHaveProperty('secret');
  const kept = readFileSync(path, 'utf8');
  for (const { secret } of seed.clients) if (secret !== undefined) expect(kept).toContain(secret);
});
