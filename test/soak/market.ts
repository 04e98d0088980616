import { defineMigrations } from '@rookery/persistence';
import { sql } from 'kysely';
import { z } from 'zod';
import { defineEvent } from '../../libs/messaging/src/contract/define-contract.js';

/** Products; events of one are to take effect in order. */
export const SKUS = Array.from({ length: 64 }, (_, i) => `sku-${i}`);
export const CUSTOMERS = Array.from({ length: 20 }, (_, i) => `customer-${i}`);
export const STOCK = 1_000_000;
export const MONEY = 1_000_000_000;

const sale = z.object({
  id: z.string(),
  sku: z.string(),
  seq: z.int(),
  customer: z.string(),
  quantity: z.int(),
  price: z.int(),
  /** Whether no handler can ever digest it. */
  poison: z.boolean(),
});

/** An order as both services tell of it. */
export type Sale = z.output<typeof sale>;

/** The shop has taken an order. */
export const OrderPlaced = defineEvent('market.order-placed', {
  topic: 'market.orders',
  owner: 'shop',
  key: (data) => data.sku,
  versions: { 1: sale },
});

/** The warehouse has taken the goods from stock. */
export const StockTaken = defineEvent('market.stock-taken', {
  topic: 'market.stock',
  owner: 'warehouse',
  key: (data) => data.sku,
  versions: { 1: sale },
});

/**
 * Tables of both services. `effects` has a row for each time that a message took effect, and no
 * constraint that would hide a second one.
 */
export const marketMigrations = defineMigrations('market', {
  '001-market': {
    async up(db) {
      for (const statement of [
        sql`create table products (sku text primary key, seq int not null, stock int not null)`,
        sql`create table accounts (owner text primary key, balance bigint not null)`,
        sql`create table orders (
              id text primary key, sku text not null, seq int not null,
              quantity int not null, price int not null, poison boolean not null)`,
        sql`create table effects (
              n bigint generated always as identity primary key,
              id text not null, sku text not null, seq int not null,
              quantity int not null, price int not null)`,
        sql`insert into products select unnest(${SKUS}::text[]), 0, ${STOCK}`,
        sql`insert into accounts select unnest(${CUSTOMERS}::text[]), ${MONEY}`,
        sql`insert into accounts select unnest(${SKUS}::text[]), 0`,
      ]) {
        await statement.execute(db);
      }
    },
  },
});
