import { defineMigrations } from '@rookery/persistence';
import { sql } from 'kysely';

export const migrations = defineMigrations('payments', {
  '0001-payment': {
    async up(db) {
      await db.schema
        .createTable('payment')
        .addColumn('order_id', 'uuid', (column) => column.primaryKey())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('amount', 'bigint', (column) => column.notNull().check(sql`amount >= 0`))
        .addColumn('currency', 'char(3)', (column) => column.notNull())
        .addColumn('authorization_id', 'text')
        .addColumn('reason', 'text')
        .execute();
    },
  },
});
