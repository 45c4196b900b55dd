import type { Migration } from './migration.ts';

export const noticeTables: Migration = {
  id: 3,
  name: 'notices',
  async up(db) {
    await db.schema
      .createTable('notices')
      .addColumn('ordinal', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('site', 'text', (column) => column.notNull())
      .addColumn('release', 'text', (column) => column.notNull().references('releases.version'))
      .addColumn('body', 'text', (column) => column.notNull())
      .addColumn('received_ms', 'bigint', (column) => column.notNull())
      .addUniqueConstraint('notices_once', ['digest', 'site'])
      .execute();
    await db.schema.createIndex('notices_by_release').on('notices').columns(['release', 'site']).execute();
  },
};
