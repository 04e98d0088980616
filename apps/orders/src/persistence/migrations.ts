import { defineMigrations } from '@rookery/persistence';
import { sql } from 'kysely';

export const migrations = defineMigrations('orders', {
  '0001-orders': {
    async up(db) {
      await db.schema
        .createTable('orders')
        .addColumn('order_id', 'uuid', (column) => column.primaryKey())
        .addColumn('customer', 'text', (column) => column.notNull())
        .addColumn('idempotency_key', 'text', (column) => column.notNull())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('lines', 'jsonb', (column) => column.notNull())
        .addColumn('amount', 'bigint', (column) => column.notNull())
        .addColumn('currency', 'char(3)', (column) => column.notNull())
        .addColumn('dispatch_at', 'timestamptz')
        .addColumn('reason', 'text')
        .addColumn('tracking_number', 'text')
        .addColumn('trace_id', 'text')
        .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`now()`))
        .addUniqueConstraint('orders_idempotency', ['customer', 'idempotency_key'])
        .execute();
      await sql`create index orders_of_customer on orders (customer, created_at desc)`.execute(db);
    },
  },
});
