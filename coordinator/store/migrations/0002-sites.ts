import type { Migration } from './migration.ts';

export const siteTables: Migration = {
  id: 2,
  name: 'sites',
  async up(db) {
    await db.schema
      .createTable('sites')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('invited_ms', 'bigint', (column) => column.notNull())
      .addColumn('enrolled_ms', 'bigint')
      .addColumn('revoked_ms', 'bigint')
      .addColumn('revoked_reason', 'text')
      .execute();
    await db.schema
      .createTable('certificates')
      .addColumn('serial', 'text', (column) => column.primaryKey())
      .addColumn('sha256', 'text', (column) => column.notNull().unique())
      .addColumn('role', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('public_key_sha256', 'text', (column) => column.notNull())
      .addColumn('chain', 'text', (column) => column.notNull())
      .addColumn('not_before_ms', 'bigint', (column) => column.notNull())
      .addColumn('not_after_ms', 'bigint', (column) => column.notNull())
      .addColumn('issued_ms', 'bigint', (column) => column.notNull())
      .addColumn('renews', 'text')
      .addColumn('retires_ms', 'bigint')
      .addColumn('revoked_ms', 'bigint')
      .addColumn('revoked_reason', 'text')
      .execute();
    await db.schema.createIndex('certificates_by_name').on('certificates').columns(['role', 'name']).execute();
    await db.schema
      .createTable('invitations')
      .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('site', 'text', (column) => column.notNull().references('sites.name'))
      .addColumn('secret_sha256', 'text', (column) => column.notNull().unique())
      .addColumn('created_ms', 'bigint', (column) => column.notNull())
      .addColumn('expires_ms', 'bigint', (column) => column.notNull())
      .addColumn('withdrawn_ms', 'bigint')
      .addColumn('used_ms', 'bigint')
      .addColumn('certificate', 'text', (column) => column.references('certificates.serial'))
      .execute();
    await db.schema.createIndex('invitations_by_site').on('invitations').column('site').execute();
  },
};
