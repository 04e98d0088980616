import { readFile, stat } from 'node:fs/promises';
import { InvalidOptionError, resolveOptions } from '@rookery/core';
import { z } from 'zod';

const GRANTS = ['client_credentials', 'authorization_code', 'refresh_token'] as const;
const name = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'expected letters, digits, . _ or -');
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected one scope without spaces');
const redirectUri = z.string().refine((uri) => {
  const url = URL.parse(uri);
  return url !== null && url.hash === '' && !uri.includes('*');
}, 'expected an absolute URL without fragment or wildcard');

const clientSchema = z
  .strictObject({
    id: name,
    name: z.string().min(1).max(128).optional(),
    secret: z.string().min(8).max(1_024).optional(),
    scopes: z.array(scope).default([]),
    grants: z.array(z.enum(GRANTS)).min(1),
    redirectUris: z.array(redirectUri).default([]),
    postLogoutRedirectUris: z.array(redirectUri).default([]),
  })
  .refine(({ grants, secret }) => !grants.includes('client_credentials') || secret !== undefined, {
    path: ['secret'],
    message: 'needed for client_credentials',
  })
  .refine(
    ({ grants, redirectUris }) => grants.includes('authorization_code') === redirectUris.length > 0,
    { path: ['redirectUris'], message: 'go with authorization_code, and only with it' },
  );

const userSchema = z.strictObject({
  username: z.string().min(1).max(128),
  password: z.string().min(8).max(256),
  name: z.string().min(1).max(128),
  roles: z.array(name).default([]),
});

const seedSchema = z.strictObject({
  clients: z.array(clientSchema).default([]),
  users: z.array(userSchema).default([]),
});

/** Clients and users to create or update at start. */
export type Seed = z.output<typeof seedSchema>;

/**
 * Reads a seed file. It holds secrets, so a file that others may read is refused.
 *
 * @throws InvalidOptionError naming file and field
 */
export async function readSeed(file: string): Promise<Seed> {
  let value: unknown;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new Error('others may read it, run chmod 600 on it');
    }
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new InvalidOptionError(file, [(error as Error).message]);
  }
  return resolveOptions(seedSchema, value, file);
}
