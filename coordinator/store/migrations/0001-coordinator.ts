import type { Migration } from './migration.ts';

export const coordinatorTables: Migration = {
  id: 1,
  name: 'coordinator',
  async up(db) {
    await db.schema
      .createTable('plans')
      .addColumn('digest', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('canonical', 'text', (column) => column.notNull())
      .addColumn('created_ms', 'bigint', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('runs')
      .addColumn('ordinal', 'integer', (column) => column.primaryKey().autoIncrement())
      .addColumn('run', 'text', (column) => column.notNull().unique())
      .addColumn('plan', 'text', (column) => column.notNull().references('plans.digest'))
      .addColumn('plan_name', 'text', (column) => column.notNull())
      .addColumn('created_ms', 'bigint', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('run_events')
      .addColumn('run', 'text', (column) => column.notNull().references('runs.run'))
      .addColumn('sequence', 'integer', (column) => column.notNull())
      .addColumn('time_ms', 'bigint', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('run_events_key', ['run', 'sequence'])
      .execute();
    await db.schema
      .createTable('submissions')
      .addColumn('task', 'text', (column) => column.notNull())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('run', 'text', (column) => column.notNull().references('runs.run'))
      .addColumn('round', 'integer', (column) => column.notNull())
      .addColumn('site', 'text', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addColumn('outcome', 'text', (column) => column.notNull())
      .addColumn('code', 'text')
      .addColumn('reason', 'text')
      .addColumn('received_ms', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('submissions_key', ['task', 'digest', 'site'])
      .execute();
    await db.schema.createIndex('submissions_by_run').on('submissions').columns(['run', 'round', 'site']).execute();
    await db.schema
      .createTable('published_objects')
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('run', 'text', (column) => column.notNull().references('runs.run'))
      .addColumn('bytes', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('published_objects_key', ['digest', 'run'])
      .execute();
    await db.schema
      .createTable('uploads')
      .addColumn('site', 'text', (column) => column.notNull())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('bytes', 'bigint', (column) => column.notNull())
      .addColumn('begun_ms', 'bigint', (column) => column.notNull())
      .addColumn('completed_ms', 'bigint')
      .addPrimaryKeyConstraint('uploads_key', ['site', 'digest'])
      .execute();
    await db.schema
      .createTable('traffic')
      .addColumn('run', 'text', (column) => column.notNull().references('runs.run'))
      .addColumn('round', 'integer', (column) => column.notNull())
      .addColumn('bytes_up', 'bigint', (column) => column.notNull())
      .addColumn('bytes_down', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('traffic_key', ['run', 'round'])
      .execute();
    await db.schema
      .createTable('releases')
      .addColumn('version', 'text', (column) => column.primaryKey())
      .addColumn('run', 'text', (column) => column.notNull().unique().references('runs.run'))
      .addColumn('plan', 'text', (column) => column.notNull().references('plans.digest'))
      .addColumn('plan_name', 'text', (column) => column.notNull())
      .addColumn('number', 'integer', (column) => column.notNull())
      .addColumn('created_ms', 'bigint', (column) => column.notNull())
      .addColumn('digest', 'text')
      .addColumn('manifest', 'text')
      .addColumn('signature', 'text')
      .addUniqueConstraint('releases_number', ['plan_name', 'number'])
      .execute();
    await db.schema
      .createTable('audit')
      .addColumn('sequence', 'integer', (column) => column.primaryKey())
      .addColumn('time_ms', 'bigint', (column) => column.notNull())
      .addColumn('event', 'text', (column) => column.notNull())
      .addColumn('actor', 'text')
      .addColumn('details', 'text', (column) => column.notNull())
      .addColumn('previous', 'text', (column) => column.notNull())
      .addColumn('hash', 'text', (column) => column.notNull())
      .execute();
  },
};
