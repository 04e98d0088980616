import { defineMigrations } from '@rookery/persistence';
import { sql } from 'kysely';

export const migrations = defineMigrations('inventory', {
  '0001-stock': {
    async up(db) {
      await db.schema
        .createTable('stock')
        .addColumn('sku', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('unit_price', 'integer', (column) =>
          column.notNull().check(sql`unit_price >= 0`),
        )
        .addColumn('currency', 'char(3)', (column) => column.notNull())
        .addColumn('available', 'integer', (column) => column.notNull().check(sql`available >= 0`))
        .execute();
      await db.schema
        .createTable('reservation')
        .addColumn('order_id', 'uuid', (column) => column.primaryKey())
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('lines', 'jsonb', (column) => column.notNull())
        .execute();
    },
  },
  '0002-example-articles': {
    async up(db) {
      await sql`
        insert into stock (sku, name, unit_price, currency, available) values
          ('tea', 'Assam tea, 100 g', 890, 'EUR', 1000),
          ('kettle', 'Cast-iron kettle', 7900, 'EUR', 100),
          ('cup', 'Porcelain cup', 1250, 'EUR', 500),
          ('gaiwan', 'Gaiwan, last of its kind', 19900, 'EUR', 0)
      `.execute(db);
    },
  },
});
