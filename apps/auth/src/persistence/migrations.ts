import { defineMigrations } from '@rookery/persistence';
import { sql, type Kysely } from 'kysely';

/** Tables of the auth service. */
export const migrations = defineMigrations('auth', {
  '001-clients-users-artifacts-keys': {
    async up(db: Kysely<unknown>) {
      await sql`
        create table clients (
          id text primary key,
          name text not null,
          secret_hash text,
          grants text[] not null,
          scopes text[] not null,
          redirect_uris text[] not null default '{}',
          post_logout_redirect_uris text[] not null default '{}',
          updated_at timestamptz not null default now()
        )`.execute(db);
      await sql`
        create table users (
          id uuid primary key default gen_random_uuid(),
          username text not null,
          password_hash text not null,
          name text not null,
          roles text[] not null default '{}',
          disabled boolean not null default false,
          updated_at timestamptz not null default now()
        )`.execute(db);
      await sql`create unique index users_username on users (lower(username))`.execute(db);
      await sql`
        create table artifacts (
          model text not null,
          id text not null,
          payload jsonb not null,
          grant_id text,
          uid text,
          user_code text,
          consumed_at timestamptz,
          expires_at timestamptz,
          primary key (model, id)
        )`.execute(db);
      await sql`create index artifacts_grant on artifacts (grant_id) where grant_id is not null`.execute(
        db,
      );
      await sql`create index artifacts_uid on artifacts (model, uid) where uid is not null`.execute(
        db,
      );
      await sql`create index artifacts_expiry on artifacts (expires_at)`.execute(db);
      await sql`
        create table signing_keys (
          kid text primary key,
          jwk text not null,
          created_at timestamptz not null default now()
        )`.execute(db);
      await sql`
        create table cookie_keys (
          id bigint generated always as identity primary key,
          secret text not null,
          created_at timestamptz not null default now()
        )`.execute(db);
    },
  },
});
