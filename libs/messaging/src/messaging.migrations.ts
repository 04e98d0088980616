import { defineMigrations, type MigrationSet } from '@rookery/persistence';
import { sql } from 'kysely';

/** The tables of outbox and inbox, for PostgreSQL. */
export const messagingMigrations: MigrationSet = defineMigrations('messaging', {
  '001-outbox-and-inbox': {
    async up(db) {
      await sql`
        create table rookery_outbox (
          id bigint generated always as identity primary key,
          lane smallint not null,
          topic text not null,
          key bytea,
          value bytea,
          headers json not null,
          created_at timestamptz not null default clock_timestamp()
        ) with (
          autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
          autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000
        )`.execute(db);
      await sql`create index rookery_outbox_lane on rookery_outbox (lane, id)`.execute(db);
      await sql`
        create table rookery_inbox (
          consumer text not null,
          message_id text not null,
          received_at timestamptz not null default clock_timestamp(),
          primary key (consumer, message_id)
        )`.execute(db);
      // Rows come in the order of their time, so a block range index finds old ones at no cost.
      await sql`create index rookery_inbox_received_at on rookery_inbox using brin (received_at)`.execute(
        db,
      );
    },
    async down(db) {
      await sql`drop table rookery_inbox, rookery_outbox`.execute(db);
    },
  },
  '002-inbox-replies': {
    async up(db) {
      // Nullable or with a constant default: no rewrite, and older releases can go on inserting.
      await sql`
        alter table rookery_inbox
          add column place text,
          add column given_up boolean not null default false,
          add column reply json`.execute(db);
    },
    async down(db) {
      await sql`
        alter table rookery_inbox drop column place, drop column given_up, drop column reply`.execute(
        db,
      );
    },
  },
  '005-delayed-messages': {
    async up(db) {
      await sql`
        create table rookery_delayed_messages (
          id text primary key,
          sequence bigint generated always as identity,
          due_at timestamptz not null,
          lane smallint not null,
          topic text not null,
          key bytea,
          value bytea,
          headers json not null
        ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`.execute(
        db,
      );
      await sql`
        create index rookery_delayed_messages_due on rookery_delayed_messages (due_at, sequence)`.execute(
        db,
      );
    },
    async down(db) {
      await sql`drop table rookery_delayed_messages`.execute(db);
    },
  },
  '006-outbox-partition': {
    async up(db) {
      // Whoever asks over Nest's Kafka client waits for the answer in one partition.
      await sql`alter table rookery_outbox add column partition integer`.execute(db);
    },
    async down(db) {
      await sql`alter table rookery_outbox drop column partition`.execute(db);
    },
  },
});
