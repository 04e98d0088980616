import { defineMigrations, type MigrationSet } from '@rookery/persistence';
import { sql } from 'kysely';

/** The tables of outbox, inbox and failed messages, for PostgreSQL. */
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
  '003-failed-messages': {
    async up(db) {
      // A key may be longer than an index can hold, its hash is not.
      await sql`
        create table rookery_failed_messages (
          id bigint generated always as identity primary key,
          status text not null check (status in ('parked', 'dead', 'replayed', 'discarded')),
          consumer text not null,
          consumer_group text not null,
          message_id text not null,
          type text,
          topic text not null,
          partition int not null,
          record_offset bigint not null,
          record_time timestamptz not null,
          key bytea,
          key_hash bytea generated always as (sha256(key)) stored,
          value bytea,
          headers json not null,
          edited_value bytea,
          edited_headers json,
          reason text not null,
          code text,
          error text,
          attempts int not null,
          replays int not null default 0,
          failed_at timestamptz not null default clock_timestamp(),
          next_at timestamptz,
          ended_at timestamptz,
          revision int not null default 1
        )`.execute(db);
      await sql`
        create unique index rookery_failed_messages_open
          on rookery_failed_messages (consumer, message_id) where status in ('parked', 'dead')`.execute(
        db,
      );
      await sql`
        create index rookery_failed_messages_parked
          on rookery_failed_messages (consumer, topic, key_hash, id) where status = 'parked'`.execute(
        db,
      );
      await sql`
        create index rookery_failed_messages_due
          on rookery_failed_messages (next_at) where status = 'parked' and next_at is not null`.execute(
        db,
      );
      await sql`
        create index rookery_failed_messages_status
          on rookery_failed_messages (status, consumer, id)`.execute(db);
      await sql`
        create index rookery_failed_messages_failed_at
          on rookery_failed_messages (failed_at)`.execute(db);
      await sql`
        create table rookery_message_actions (
          id bigint generated always as identity primary key,
          failed_id bigint references rookery_failed_messages on delete cascade,
          job_id uuid,
          action text not null,
          actor text not null,
          reason text not null,
          outcome text,
          at timestamptz not null default clock_timestamp()
        )`.execute(db);
      await sql`
        create index rookery_message_actions_failed on rookery_message_actions (failed_id)`.execute(
        db,
      );
      await sql`
        create table rookery_replay_jobs (
          id uuid primary key,
          service text not null,
          status text not null check (status in ('running', 'done', 'cancelled')),
          filter json not null,
          per_second int not null,
          up_to bigint not null,
          position bigint not null default 0,
          matching int not null,
          replayed int not null default 0,
          failed int not null default 0,
          skipped int not null default 0,
          actor text not null,
          reason text not null,
          created_at timestamptz not null default clock_timestamp(),
          updated_at timestamptz not null default clock_timestamp(),
          ended_at timestamptz,
          lease_until timestamptz
        )`.execute(db);
    },
    async down(db) {
      await sql`
        drop table rookery_replay_jobs, rookery_message_actions, rookery_failed_messages`.execute(
        db,
      );
    },
  },
  '004-key-versions': {
    async up(db) {
      await sql`
        create table rookery_key_versions (
          consumer text not null,
          key_hash bytea not null,
          version bigint not null,
          updated_at timestamptz not null default clock_timestamp(),
          primary key (consumer, key_hash)
        )`.execute(db);
      await sql`
        create index rookery_key_versions_updated_at
          on rookery_key_versions (updated_at)`.execute(db);
    },
    async down(db) {
      await sql`drop table rookery_key_versions`.execute(db);
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
