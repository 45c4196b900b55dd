import type { Kysely } from 'kysely';
import type { Database } from './database.ts';
import type { Migration } from './migrations/migration.ts';
import { StoreError } from './store-error.ts';

/**
 * Brings a database to the newest schema, each step in a transaction of its own.
 * @throws StoreError `newer_version` when the database has been through a step this version does not know; nothing is changed then.
 */
export async function migrate(
  db: Kysely<Database>,
  path: string,
  migrations: readonly Migration[],
  nowMs: number,
): Promise<void> {
  await db.schema
    .createTable('schema_migrations')
    .ifNotExists()
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('applied_ms', 'bigint', (column) => column.notNull())
    .execute();
  const applied = await db.selectFrom('schema_migrations').selectAll().orderBy('id').execute();
  for (const row of applied) {
    const known = migrations.find((migration) => migration.id === row.id);
    if (known?.name === row.name) continue;
    throw new StoreError(
      'newer_version',
      `${path}: the database has been through step ${row.id} (${row.name}) of the schema, which this version of Wardround ` +
        `does not know (it knows ${migrations.length}). Install the version that wrote it; nothing was changed.`,
      { path, step: row.id, known: migrations.length },
    );
  }
  for (const migration of migrations) {
    if (applied.some((row) => row.id === migration.id)) continue;
    await db.transaction().execute(async (transaction) => {
      await migration.up(transaction as unknown as Kysely<unknown>);
      await transaction
        .insertInto('schema_migrations')
        .values({ id: migration.id, name: migration.name, applied_ms: nowMs })
        .execute();
    });
  }
}
