import { Injectable } from '@nestjs/common';
import { Database, UnitOfWork } from '@rookery/persistence';
import { randomBytes, generateKeyPairSync, createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { AuthSchema } from '../persistence/schema.js';
import { SecretBox } from './secret-box.js';

/** A private key as the provider wants it. */
export interface SigningJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly kid: string;
  readonly x: string;
  readonly y: string;
  readonly d: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}

/** What signs tokens and cookies. */
export interface ServerKeys {
  readonly signing: readonly SigningJwk[];
  /** The first one signs. */
  readonly cookies: readonly string[];
}

/** Any number, as long as nothing else in this database takes the same advisory lock. */
const KEY_LOCK = 5_218_300_914;

/**
 * The keys of this issuer, made when there are none. They live in the database, so that all
 * instances sign with the same and a restart invalidates nothing.
 */
@Injectable()
export class KeyRepository {
  constructor(
    private readonly database: Database<AuthSchema>,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  /** @throws InvalidOptionError when stored keys cannot be decrypted */
  load(box: SecretBox): Promise<ServerKeys> {
    return this.unitOfWork.run(async () => {
      const db = this.database.current;
      // Two instances that start on an empty database must not make a key each.
      await sql`select pg_advisory_xact_lock(${KEY_LOCK})`.execute(db);
      const signing = await db
        .selectFrom('signing_keys')
        .selectAll()
        .orderBy('created_at', 'desc')
        .execute();
      const cookies = await db
        .selectFrom('cookie_keys')
        .selectAll()
        .orderBy('id', 'desc')
        .execute();
      return {
        signing:
          signing.length === 0
            ? [await this.#makeSigningKey(box)]
            : signing.map(({ kid, jwk }) => JSON.parse(box.open(jwk, kid)) as SigningJwk),
        cookies:
          cookies.length === 0
            ? [await this.#makeCookieKey(box)]
            : cookies.map(({ secret }) => box.open(secret, 'cookie')),
      };
    });
  }

  async #makeSigningKey(box: SecretBox): Promise<SigningJwk> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' }) as Omit<
      SigningJwk,
      'kid' | 'alg' | 'use'
    >;
    // RFC 7638: the thumbprint is over these members in this order.
    const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
    const jwk: SigningJwk = { kty, crv, x, y, d, kid, alg: 'ES256', use: 'sig' };
    await this.database.current
      .insertInto('signing_keys')
      .values({ kid, jwk: box.seal(JSON.stringify(jwk), kid) })
      .execute();
    return jwk;
  }

  async #makeCookieKey(box: SecretBox): Promise<string> {
    const secret = randomBytes(32).toString('base64url');
    await this.database.current
      .insertInto('cookie_keys')
      .values({ secret: box.seal(secret, 'cookie') })
      .execute();
    return secret;
  }
}
