import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { PasswordHasher } from '../password/password-hasher.js';

const MAX_REMEMBERED = 1_000;
const MAX_LENGTH = 1_024;
/** As long as 24 random bytes in base64url: nobody guesses one, at whatever speed. */
const GENERATED = /^[A-Za-z0-9_-]{32,}$/;
const DIGEST = /^\$sha256\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/;

/**
 * Hashes client secrets and compares them with their hashes. A slow hash protects what can be
 * guessed: a generated secret gets a salted digest, which keeps the start and every token request
 * fast; a short one is hashed as a password is.
 */
export class ClientSecrets {
  readonly #key = randomBytes(32);
  /** Digest of the secret by stored hash, so that a changed secret is never remembered. */
  readonly #matched = new Map<string, Buffer>();

  constructor(private readonly hasher: PasswordHasher) {}

  /** @throws PasswordCheckBusyError */
  async hash(secret: string): Promise<string> {
    if (!GENERATED.test(secret)) return this.hasher.hash(secret);
    const salt = randomBytes(16).toString('base64url');
    return `$sha256$${salt}$${digestOf(secret, salt).toString('base64url')}`;
  }

  /** @throws PasswordCheckBusyError */
  async matches(secret: string, hash: string): Promise<boolean> {
    if (secret.length > MAX_LENGTH) return false;
    const [, salt, digest] = DIGEST.exec(hash) ?? [];
    if (salt !== undefined && digest !== undefined) {
      return timingSafeEqual(digestOf(secret, salt), Buffer.from(digest, 'base64url'));
    }
    return this.#matchesSlowly(secret, hash);
  }

  /** A secret that matched once is remembered under a key that lives as long as the process. */
  async #matchesSlowly(secret: string, hash: string): Promise<boolean> {
    const digest = createHmac('sha256', this.#key).update(secret).digest();
    const known = this.#matched.get(hash);
    if (known !== undefined && timingSafeEqual(known, digest)) return true;
    if (!(await this.hasher.verify(secret, hash))) return false;
    this.#matched.set(hash, digest);
    if (this.#matched.size > MAX_REMEMBERED) {
      this.#matched.delete(this.#matched.keys().next().value as string);
    }
    return true;
  }
}

function digestOf(secret: string, salt: string): Buffer {
  return createHash('sha256').update(salt).update(secret).digest();
}
