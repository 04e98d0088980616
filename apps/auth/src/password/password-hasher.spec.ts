import { describe, expect, it } from 'vitest';
import { PasswordCheckBusyError } from '../auth.errors.js';
import { PasswordHasher } from './password-hasher.js';
import { parsePhc } from './phc-string.js';

const CHEAP = { memoryKib: 64, passes: 1, parallelism: 1 };

describe('password hasher', () => {
  it('knows the password it hashed and no other', async () => {
    const hasher = new PasswordHasher(CHEAP);
    const hash = await hasher.hash('correct horse battery');
    expect(await hasher.verify('correct horse battery', hash)).toBe(true);
    expect(await hasher.verify('correct horse batterz', hash)).toBe(false);
    expect(await hasher.verify('', hash)).toBe(false);
  });

  it('salts: one password has many hashes', async () => {
    const hasher = new PasswordHasher(CHEAP);
    expect(await hasher.hash('same')).not.toBe(await hasher.hash('same'));
  });

  it('checks a hash that the reference implementation of argon2 made', async () => {
    // A vector of its test.c.
    const reference =
      '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect(await new PasswordHasher().verify('password', reference)).toBe(true);
    expect(await new PasswordHasher().verify('Password', reference)).toBe(false);
  });

  it('is false without a hash, in about the time of a real check', async () => {
    const hasher = new PasswordHasher();
    const hash = await hasher.hash('x');
    await hasher.verify('warm up', undefined);
    const time = async (phc: string | undefined): Promise<number> => {
      const times: number[] = [];
      for (let i = 0; i < 5; i++) {
        const start = performance.now();
        expect(await hasher.verify('wrong', phc)).toBe(false);
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[0]!;
    };
    const [known, unknown] = [await time(hash), await time(undefined)];
    expect(unknown / known).toBeGreaterThan(0.5);
    expect(unknown / known).toBeLessThan(2);
  });

  it('sees that a hash was made at another cost', async () => {
    const cheap = await new PasswordHasher(CHEAP).hash('x');
    expect(new PasswordHasher(CHEAP).isOutdated(cheap)).toBe(false);
    expect(new PasswordHasher().isOutdated(cheap)).toBe(true);
  });

  it('turns a flood away instead of queueing it without end', async () => {
    const hasher = new PasswordHasher(CHEAP);
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, (_, i) => hasher.hash(`password ${i}`)),
    );
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(200 - 66);
    expect((refused[0] as PromiseRejectedResult).reason).toBeInstanceOf(PasswordCheckBusyError);
    await expect(hasher.hash('afterwards')).resolves.toContain('$argon2id$');
  });

  it('refuses what is no hash', () => {
    for (const text of ['', 'plain', '$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA', '$2b$10$abc']) {
      expect(() => parsePhc(text)).toThrow('not an argon2id hash');
    }
  });
});
