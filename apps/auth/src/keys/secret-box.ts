import { InvalidOptionError } from '@rookery/core';
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const PREFIX = 'v1.';

/**
 * Encrypts small secrets for the database (AES-256-GCM, key derived by HKDF from a configured
 * secret), so that whoever reads the tables or a backup cannot sign tokens. Without a secret it
 * stores them as they are: that is for developers' machines.
 */
export class SecretBox {
  readonly #key: Buffer | undefined;

  constructor(secret: string | undefined) {
    this.#key =
      secret === undefined
        ? undefined
        : Buffer.from(hkdfSync('sha256', secret, '', 'rookery auth keys', 32));
  }

  /** @param name what the secret is; a stored secret cannot be passed off as another */
  seal(text: string, name: string): string {
    if (this.#key === undefined) return text;
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return PREFIX + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
  }

  /** @throws InvalidOptionError when it was sealed with another key, or under another name */
  open(stored: string, name: string): string {
    if (!stored.startsWith(PREFIX)) return stored;
    if (this.#key === undefined) {
      throw refusal('is missing, but the keys in the database are encrypted');
    }
    const bytes = Buffer.from(stored.slice(PREFIX.length), 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12))
        .setAAD(Buffer.from(name))
        .setAuthTag(bytes.subarray(12, 28));
      return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw refusal('does not open the keys in the database, expected the one they were made with');
    }
  }
}

function refusal(problem: string): InvalidOptionError {
  return new InvalidOptionError('configuration', [`authServer.secret: ${problem}`]);
}
