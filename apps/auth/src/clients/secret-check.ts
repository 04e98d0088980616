import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { PasswordHasher } from '../password/password-hasher.js';

const MAX_REMEMBERED = 1_000;

/**
 * Compares client secrets with their hashes. A service asks for tokens all day with the same secret,
 * and argon2 is slow on purpose: a secret that matched once is remembered as a digest under a key
 * that lives as long as the process.
 */
export class SecretCheck {
  readonly #key = randomBytes(32);
  /** Digest of the secret by stored hash, so that a changed secret is never remembered. */
  readonly #matched = new Map<string, Buffer>();

  constructor(private readonly hasher: PasswordHasher) {}

  /** @throws PasswordCheckBusyError */
  async matches(secret: string, hash: string): Promise<boolean> {
    if (secret.length > 1_024) return false;
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
