import { defineMigrations, type MigrationSet } from '@rookery/persistence';
import { sql } from 'kysely';

/** The table of sagas; give it to `PersistenceModule.forRoot`. */
export const sagaMigrations: MigrationSet = defineMigrations('saga', {
  '001-sagas': {
    up: async (db) => {
      await sql`
        create table rookery_sagas (
          id uuid primary key,
          saga text not null,
          version integer not null,
          key text not null,
          status text not null,
          state jsonb not null,
          steps jsonb not null,
          history jsonb not null,
          why jsonb,
          correlation_id text not null,
          carrier jsonb not null,
          started_at timestamptz not null,
          updated_at timestamptz not null,
          ended_at timestamptz,
          deadline_at timestamptz,
          due_at timestamptz,
          revision integer not null
        )`.execute(db);
      await sql`
        create index rookery_sagas_due on rookery_sagas (due_at) where due_at is not null`.execute(
        db,
      );
      await sql`create index rookery_sagas_status on rookery_sagas (saga, status)`.execute(db);
      await sql`create index rookery_sagas_started on rookery_sagas (started_at desc)`.execute(db);
      await sql`
        create index rookery_sagas_ended on rookery_sagas (ended_at) where ended_at is not null`.execute(
        db,
      );
    },
    down: async (db) => {
      await sql`drop table rookery_sagas`.execute(db);
    },
  },
});
