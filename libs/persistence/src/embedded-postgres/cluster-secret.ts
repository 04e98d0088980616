import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgresError } from '../persistence.errors.js';

/** The secret of a cluster, from which the password of every role follows. Kept 0600. */
export class ClusterSecret {
  private constructor(private readonly key: Buffer) {}

  /** The secret kept in `directory`. */
  static async read(directory: string): Promise<ClusterSecret> {
    const file = join(directory, 'secret');
    const text = await readFile(file, 'utf8').catch((error: Error) => {
      throw new EmbeddedPostgresError(
        `the passwords of the embedded database cannot be read (${error.message}): run as the user ` +
          'who started it first, or clear it with rookery reset',
        { cause: error },
      );
    });
    if (!/^[0-9a-f]{64}\n$/.test(text)) {
      throw new EmbeddedPostgresError(`${file} is damaged: clear the database with rookery reset`);
    }
    return new ClusterSecret(Buffer.from(text.trim(), 'hex'));
  }

  /** Makes a new secret and keeps it in `directory`. */
  static async create(directory: string): Promise<ClusterSecret> {
    const file = join(directory, 'secret');
    const key = randomBytes(32);
    const handle = await open(`${file}.partial`, 'w', 0o600);
    try {
      await handle.writeFile(`${key.toString('hex')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.partial`, file);
    return new ClusterSecret(key);
  }

  password(role: string): string {
    return createHmac('sha256', this.key).update(`role:${role}`).digest('base64url');
  }

  /**
   * What PostgreSQL keeps instead of the password (RFC 5803; RFC 7677). Sent in its place when a
   * role is made, so that the password itself is in no log, file or statement.
   */
  verifier(role: string): string {
    const ITERATIONS = 4096;
    const salt = randomBytes(16);
    const salted = pbkdf2Sync(this.password(role), salt, ITERATIONS, 32, 'sha256');
    const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
    const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
    const server = hmac('Server Key').toString('base64');
    return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${server}`;
  }
}
