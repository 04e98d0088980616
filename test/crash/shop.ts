import { defineMigrations } from '@rookery/persistence';
import { sql } from 'kysely';
import { z } from 'zod';
import { defineCommand, defineReply } from '../../libs/messaging/src/contract/define-contract.js';

/** Products; orders of one are numbered, and are to take effect in that order. */
export const SKUS = ['sku-0', 'sku-1', 'sku-2', 'sku-3', 'sku-4', 'sku-5'] as const;

/** What the two services say to each other; `name` sets their topics apart from those of others. */
export function shopContracts(name: string) {
  const versions = {
    1: z.object({ id: z.string(), sku: z.string(), seq: z.int(), failsUntil: z.int() }),
  };
  const owner = 'inventory';
  const Reserved = defineReply(`${name}.reserved`, { owner, outcome: 'success', versions });
  const Reserve = defineCommand(`${name}.reserve`, {
    owner,
    topic: `${name}.inventory.commands`,
    key: (data) => data.sku,
    versions,
    replies: [Reserved],
  });
  return { Reserve, Reserved, replies: `${name}.orders.replies` };
}

/**
 * Tables of both services. `effects` has a row for each time that a message took effect, and no
 * constraint that would hide a second one.
 */
export const shopMigrations = defineMigrations('shop', {
  '001-shop': {
    async up(db) {
      for (const statement of [
        sql`create table products (sku text primary key, seq int not null default 0)`,
        sql`create table orders (id text primary key, sku text not null, seq int not null)`,
        sql`create table effects (
              n bigint generated always as identity primary key,
              id text not null, sku text not null, seq int not null)`,
        sql`create table relay_cursor (sent bigint not null)`,
        sql`insert into relay_cursor values (0)`,
      ]) {
        await statement.execute(db);
      }
      for (const sku of SKUS) await sql`insert into products values (${sku})`.execute(db);
    },
  },
});
