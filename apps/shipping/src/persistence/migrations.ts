import { defineMigrations } from '@rookery/persistence';
import { sql } from 'kysely';

export const migrations = defineMigrations('shipping', {
  '0001-shipment': {
    async up(db) {
      await db.schema
        .createTable('shipment')
        .addColumn('order_id', 'uuid', (column) => column.primaryKey())
        .addColumn('shipment_id', 'text', (column) => column.notNull().unique())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('dispatch_at', 'timestamptz', (column) => column.notNull())
        .addColumn('tracking_number', 'text')
        .execute();
      await sql`create index shipment_due on shipment (dispatch_at) where status = 'scheduled'`.execute(
        db,
      );
    },
  },
});
