import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidOptionError } from '@rookery/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSeed } from './seed.js';

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'seed-spec-'))));
afterEach(() => rm(directory, { recursive: true }));

async function seedFile(value: unknown): Promise<string> {
  const file = join(directory, 'seed.json');
  await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 });
  return file;
}

const service = {
  id: 'orders',
  secret: 'secret-of-orders',
  scopes: ['inventory:read'],
  grants: ['client_credentials'],
};

describe('seed file', () => {
  it('may hold clients, users, or nothing', async () => {
    expect(await readSeed(await seedFile({}))).toEqual({ clients: [], users: [] });
    const seed = await readSeed(await seedFile({ clients: [service] }));
    expect(seed.clients[0]).toMatchObject({ id: 'orders', redirectUris: [] });
  });

  it('says what is wrong in one line, without showing a secret', async () => {
    const bad: Record<string, unknown> = {
      'clients.0.secret: is missing': { clients: [{ ...service, secret: undefined }] },
      'clients.0.secret: ******': { clients: [{ ...service, secret: 'short' }] },
      'clients.0.grants.0': { clients: [{ ...service, grants: ['password'] }] },
      'clients.0.redirectUris': { clients: [{ ...service, grants: ['authorization_code'] }] },
      'clients.0.redirectUris.0': {
        clients: [
          { ...service, grants: ['authorization_code'], redirectUris: ['https://*.example/'] },
        ],
      },
      'clients.0.scopes.0': { clients: [{ ...service, scopes: ['two scopes'] }] },
      'clients.0.colour: unknown option': { clients: [{ ...service, colour: 'red' }] },
      'users.0.password: ******': {
        users: [{ username: 'ada', password: 'short', name: 'Ada' }],
      },
      JSON: '{',
    };
    for (const [message, value] of Object.entries(bad)) {
      const refused = readSeed(await seedFile(value));
      await expect(refused, message).rejects.toBeInstanceOf(InvalidOptionError);
      await expect(refused, message).rejects.toThrow(message);
      await expect(refused, message).rejects.not.toThrow(/short/);
    }
  });

  it('is refused when it is missing, or when others may read it', async () => {
    await expect(readSeed(join(directory, 'none.json'))).rejects.toThrow(/ENOENT/);
    const file = await seedFile({});
    await chmod(file, 0o644);
    await expect(readSeed(file)).rejects.toThrow(/chmod 600/);
  });
});
