import type { ColumnType, Generated } from 'kysely';

/** A column that the database fills in. */
type Stamp = ColumnType<Date, Date | undefined, Date>;

/** Tables of the auth service, as Kysely sees them. */
export interface AuthSchema {
  clients: {
    id: string;
    name: string;
    secret_hash: string | null;
    grants: string[];
    scopes: string[];
    redirect_uris: string[];
    post_logout_redirect_uris: string[];
    updated_at: Stamp;
  };
  users: {
    id: Generated<string>;
    username: string;
    password_hash: string;
    name: string;
    roles: string[];
    disabled: Generated<boolean>;
    updated_at: Stamp;
  };
  artifacts: {
    model: string;
    id: string;
    payload: ColumnType<Record<string, unknown>, string, string>;
    grant_id: string | null;
    uid: string | null;
    user_code: string | null;
    consumed_at: Date | null;
    expires_at: Date | null;
  };
  signing_keys: {
    kid: string;
    jwk: string;
    created_at: Stamp;
  };
  cookie_keys: {
    id: Generated<number>;
    secret: string;
    created_at: Stamp;
  };
}
