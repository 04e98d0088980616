import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { PasswordHasher } from '../password/password-hasher.js';
import { ClientSecrets } from './client-secrets.js';

const secrets = new ClientSecrets(new PasswordHasher({ memoryKib: 64, passes: 1, parallelism: 1 }));

describe.each([
  ['generated', randomBytes(24).toString('base64url'), /^\$sha256\$/],
  ['short', 'secret-of-orders', /^\$argon2id\$/],
  ['long, but of words', 'correct horse battery staple, and more of it', /^\$argon2id\$/],
])('a secret that is %s', (_kind, secret, form) => {
  it('is kept as a salted hash that fits its strength', async () => {
    const [first, second] = [await secrets.hash(secret), await secrets.hash(secret)];
    expect(first).toMatch(form);
    expect(first).not.toContain(secret);
    expect(second).not.toBe(first);
  });

  it('matches its hash, again and again, and no other does', async () => {
    const hash = await secrets.hash(secret);
    expect(await secrets.matches(secret, hash)).toBe(true);
    expect(await secrets.matches(secret, hash)).toBe(true);
    expect(await secrets.matches(`${secret}x`, hash)).toBe(false);
    expect(await secrets.matches('', hash)).toBe(false);
    expect(await secrets.matches('x'.repeat(2_000), hash)).toBe(false);
  });
});
