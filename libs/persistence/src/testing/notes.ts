import { defineMigrations } from '../migrations/migration-set.js';

/** Something to write, for specs. */
export const notesMigrations = defineMigrations('notes', {
  '001-notes': {
    up: async (db) => {
      await db.schema
        .createTable('notes')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('version', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
    },
  },
});

/** The tables of {@link notesMigrations}. */
export interface NotesSchema {
  notes: { id: string; version: number };
}
