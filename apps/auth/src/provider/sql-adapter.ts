import { createHash } from 'node:crypto';
import type { Database } from '@rookery/persistence';
import { sql } from 'kysely';
import { errors, type Adapter, type AdapterPayload } from 'oidc-provider';
import { clientMetadata } from '../clients/client-metadata.js';
import type { ClientRepository } from '../clients/client.repository.js';
import type { AuthSchema } from '../persistence/schema.js';

/**
 * Values of these are secrets that grant something by themselves. Only their digest is stored, so
 * that whoever reads the table cannot use them.
 */
const BEARER_MODELS: ReadonlySet<string> = new Set([
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
]);

/** What the adapters of one provider share. */
export interface SqlAdapterParts {
  readonly database: Database<AuthSchema>;
  readonly clients: ClientRepository;
  /** API scopes that a client with `*` gets. */
  readonly knownScopes: () => readonly string[];
}

/**
 * Keeps what the provider must remember in PostgreSQL. Using a code or refresh token is a
 * compare-and-set: of any number of parallel uses, on any number of instances, one succeeds.
 */
export class SqlAdapter implements Adapter {
  constructor(
    private readonly model: string,
    private readonly parts: SqlAdapterParts,
  ) {}

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (this.model === 'Client') return this.#client(id);
    const row = await this.#db
      .selectFrom('artifacts')
      .select(['payload', 'consumed_at'])
      .where('model', '=', this.model)
      .where('id', '=', this.#key(id))
      .executeTakeFirst();
    return row && payloadOf(row.payload, row.consumed_at, this.#isBearer ? id : undefined);
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#findBy('uid', uid);
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#findBy('user_code', userCode);
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const { jti, ...rest } = payload;
    const values = {
      model: this.model,
      id: this.#key(id),
      payload: JSON.stringify(this.#isBearer ? rest : { jti, ...rest }),
      grant_id: payload.grantId ?? null,
      uid: payload.uid ?? null,
      user_code: payload.userCode ?? null,
      expires_at: expiresIn === undefined ? null : new Date(Date.now() + expiresIn * 1_000),
    };
    await this.#db
      .insertInto('artifacts')
      .values(values)
      .onConflict((conflict) => conflict.columns(['model', 'id']).doUpdateSet(values))
      .execute();
  }

  /** @throws errors.InvalidGrant when another use came first */
  async consume(id: string): Promise<void> {
    const { numUpdatedRows } = await this.#db
      .updateTable('artifacts')
      .set({ consumed_at: sql`now()` })
      .where('model', '=', this.model)
      .where('id', '=', this.#key(id))
      .where('consumed_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) throw new errors.InvalidGrant('used by another request already');
  }

  async destroy(id: string): Promise<void> {
    await this.#db
      .deleteFrom('artifacts')
      .where('model', '=', this.model)
      .where('id', '=', this.#key(id))
      .execute();
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#db
      .deleteFrom('artifacts')
      .where('model', '=', this.model)
      .where('grant_id', '=', grantId)
      .execute();
  }

  async #findBy(column: 'uid' | 'user_code', value: string): Promise<AdapterPayload | undefined> {
    const row = await this.#db
      .selectFrom('artifacts')
      .select(['payload', 'consumed_at'])
      .where('model', '=', this.model)
      .where(column, '=', value)
      .executeTakeFirst();
    return row && payloadOf(row.payload, row.consumed_at);
  }

  async #client(id: string): Promise<AdapterPayload | undefined> {
    const client = await this.parts.clients.find(id);
    return client && clientMetadata(client, this.parts.knownScopes());
  }

  get #db(): Database<AuthSchema>['current'] {
    return this.parts.database.current;
  }

  get #isBearer(): boolean {
    return BEARER_MODELS.has(this.model);
  }

  #key(id: string): string {
    return this.#isBearer ? createHash('sha256').update(id).digest('base64url') : id;
  }
}

function payloadOf(
  payload: Record<string, unknown>,
  consumedAt: Date | null,
  jti?: string,
): AdapterPayload {
  return {
    ...payload,
    ...(jti === undefined ? {} : { jti }),
    ...(consumedAt === null ? {} : { consumed: Math.floor(consumedAt.getTime() / 1_000) }),
  };
}

/** Removes what expired more than a minute ago, and says how much that was. */
export async function removeExpired(database: Database<AuthSchema>): Promise<number> {
  const { numDeletedRows } = await database.current
    .deleteFrom('artifacts')
    .where('expires_at', '<', sql<Date>`now() - interval '1 minute'`)
    .executeTakeFirst();
  return Number(numDeletedRows);
}
