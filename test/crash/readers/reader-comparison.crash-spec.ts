import { systemClock } from '@rookery/core';
import { seededRandom } from '@rookery/core/testing';
import { messagingMigrations } from '@rookery/messaging';
import { defineMigrations } from '@rookery/persistence';
import { useDatabase } from '@rookery/testing/database';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Outbox } from '../../../libs/messaging/src/outbox/outbox.js';
import { sequenceCursor, skipLocked, snapshotCursor } from './careless-readers.js';
import { laneReaders } from './lane-readers.js';
import type { AggregateEvent, OutboxReader } from './outbox-reader.js';

// Twelve writers, twenty aggregates, transactions that begin early and write late, some that roll
// back; four ways to read what they leave, all of the same traffic at the same time.

const WRITERS = 12;
const AGGREGATES = 20;
const TRANSACTIONS = 250;
const ROLLED_BACK = 0.05;
const PAUSE_MS = 4;
/** Now and then an acknowledgement takes longer. */
const SLOW_SEND = { share: 0.1, ms: 40 };

const seed = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const tables = defineMigrations('readers', {
  '001-readers': {
    async up(db) {
      for (const statement of [
        sql`create table aggregates (key text primary key, version int not null default 0)`,
        sql`create table events (
              id bigint generated always as identity primary key,
              xid xid8 not null default pg_current_xact_id(),
              key text not null, version int not null)`,
        sql`create table queue (
              id bigint generated always as identity primary key,
              key text not null, version int not null)`,
      ]) {
        await statement.execute(db);
      }
    },
  },
});
const db = useDatabase({ migrations: [messagingMigrations, tables], poolSize: 40 });

interface Result {
  readonly lost: number;
  readonly inverted: number;
}

const results = new Map<string, Result>();
let committed = 0;

beforeAll(async () => {
  const random = seededRandom(seed);
  const host = db.unitOfWork;
  const keys = Array.from({ length: AGGREGATES }, (_, i) => `aggregate-${i}`);
  await host.query('insert into aggregates select unnest($1::text[])', [keys]);
  const outbox = new Outbox(host, () => {});
  const sent = new Map<string, AggregateEvent[]>();
  const parts = (name: string) => {
    const log: AggregateEvent[] = [];
    sent.set(name, log);
    return {
      host,
      random,
      send: async (events: readonly AggregateEvent[]) => {
        if (events.length === 0) return;
        await systemClock.sleep(random() < SLOW_SEND.share ? SLOW_SEND.ms : random() * PAUSE_MS);
        log.push(...events);
      },
    };
  };
  const readers: OutboxReader[] = [
    sequenceCursor(parts('sequence cursor')),
    snapshotCursor(parts('snapshot cursor')),
    skipLocked(parts('skip locked')),
    laneReaders(parts('lanes'), outbox),
  ];
  const write = async (): Promise<void> => {
    for (let i = 0; i < TRANSACTIONS; i += 1) {
      const key = keys[Math.floor(random() * keys.length)] ?? '';
      const [early, late, fails] = [
        random() * PAUSE_MS,
        random() * PAUSE_MS,
        random() < ROLLED_BACK,
      ];
      const work = host.run(async () => {
        await host.query('select pg_current_xact_id()');
        await systemClock.sleep(early);
        const { rows } = await host.query<{ version: number }>(
          'update aggregates set version = version + 1 where key = $1 returning version',
          [key],
        );
        const version = rows[0]?.version;
        await host.query('insert into events (key, version) values ($1, $2)', [key, version]);
        await host.query('insert into queue (key, version) values ($1, $2)', [key, version]);
        await outbox.add({ topic: 'events', key, value: String(version) });
        await systemClock.sleep(late);
        if (fails) throw new RolledBack();
      });
      await work.then(
        () => (committed += 1),
        (error: unknown) => {
          if (!(error instanceof RolledBack)) throw error;
        },
      );
    }
  };
  for (const reader of readers) reader.start();
  await Promise.all(Array.from({ length: WRITERS }, write));
  await Promise.all(readers.map((reader) => reader.stop()));
  for (const [name, events] of sent) results.set(name, resultOf(events, committed));
}, 120_000);

afterAll(() => {
  const lines = [...results].map(
    ([name, { lost, inverted }]) =>
      `${name.padEnd(20)}${`${lost}`.padStart(8)}${`${inverted}`.padStart(10)}`,
  );
  process.stdout.write(
    [
      `\nreaders of an outbox, ${committed} commits, seed ${seed}`,
      `${' '.repeat(20)}    lost  inverted`,
      ...lines,
      '\n',
    ].join('\n'),
  );
});

it('a cursor over ids loses events of transactions that commit late', () => {
  expect(results.get('sequence cursor')?.lost, `seed ${seed}`).toBeGreaterThan(committed * 0.01);
});

it('a cursor over transaction ids loses none, but reorders events of one key', () => {
  const { lost, inverted } = results.get('snapshot cursor') as Result;
  expect(lost, `seed ${seed}`).toBe(0);
  expect(inverted, `seed ${seed}`).toBeGreaterThan(0);
});

it('several relays that skip locked rows lose none, but reorder events of one key', () => {
  const { lost, inverted } = results.get('skip locked') as Result;
  expect(lost, `seed ${seed}`).toBe(0);
  expect(inverted, `seed ${seed}`).toBeGreaterThan(0);
});

it('K25: several relays with lanes lose none and reorder none', () => {
  expect(results.get('lanes'), `seed ${seed}`).toEqual({ lost: 0, inverted: 0 });
  expect(committed).toBeGreaterThan(WRITERS * TRANSACTIONS * 0.9);
});

class RolledBack extends Error {}

function resultOf(events: readonly AggregateEvent[], expected: number): Result {
  const seen = new Set(events.map(({ key, version }) => `${key} ${version}`));
  const latest = new Map<string, number>();
  let inverted = 0;
  for (const { key, version } of events) {
    if (version < (latest.get(key) ?? 0)) inverted += 1;
    else latest.set(key, version);
  }
  return { lost: expected - seen.size, inverted };
}
