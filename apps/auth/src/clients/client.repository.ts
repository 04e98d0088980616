import { Injectable } from '@nestjs/common';
import { Database } from '@rookery/persistence';
import type { AuthSchema } from '../persistence/schema.js';
import { ClientSecrets } from './client-secrets.js';
import { ALL_SCOPES, OPENID_SCOPES, type StoredClient } from './client-metadata.js';

/** A client to create or bring up to date. */
export interface ClientSeed {
  readonly id: string;
  readonly name?: string | undefined;
  readonly secret?: string | undefined;
  readonly scopes: readonly string[];
  readonly grants: readonly string[];
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
}

/** The applications that may ask for tokens. */
@Injectable()
export class ClientRepository {
  constructor(
    private readonly database: Database<AuthSchema>,
    private readonly secrets: ClientSecrets,
  ) {}

  async find(id: string): Promise<StoredClient | undefined> {
    return this.database.current
      .selectFrom('clients')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
  }

  /** All API scopes that any client names. */
  async apiScopes(): Promise<string[]> {
    const rows = await this.database.current.selectFrom('clients').select('scopes').execute();
    const all = rows.flatMap(({ scopes }) => scopes);
    return [...new Set(all)].filter((s) => s !== ALL_SCOPES && !OPENID_SCOPES.includes(s)).sort();
  }

  /** Creates or updates a client; a secret that is the same is not hashed again. */
  async put(seed: ClientSeed): Promise<void> {
    const values = {
      id: seed.id,
      name: seed.name ?? seed.id,
      secret_hash: await this.#hash(seed),
      grants: [...seed.grants],
      scopes: [...seed.scopes],
      redirect_uris: [...seed.redirectUris],
      post_logout_redirect_uris: [...seed.postLogoutRedirectUris],
      updated_at: new Date(),
    };
    await this.database.current
      .insertInto('clients')
      .values(values)
      .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
      .execute();
  }

  async #hash({ id, secret }: ClientSeed): Promise<string | null> {
    if (secret === undefined) return null;
    const hash = (await this.find(id))?.secret_hash ?? undefined;
    const same = hash !== undefined && (await this.secrets.matches(secret, hash));
    return same ? hash : this.secrets.hash(secret);
  }
}
