import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import Libsql from 'libsql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../../../coordinator/store/open-store.ts';
import { StoreError } from '../../../coordinator/store/store-error.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardround-store-'));
  path = join(folder, 'state', 'wardround.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function refusal(action: () => Promise<unknown>): Promise<StoreError> {
  const error = await action().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error as StoreError;
}

test('a new database is made, kept and opened again', async () => {
  const store = await openStore(path);
  await store.db
    .insertInto('plans')
    .values({ digest: 'd', name: 'heart', canonical: '{}', created_ms: 1_763_000_000_000 })
    .execute();
  await store.close();
  const again = await openStore(path);
  expect(await again.db.selectFrom('plans').selectAll().execute()).toEqual([
    { digest: 'd', name: 'heart', canonical: '{}', created_ms: 1_763_000_000_000 },
  ]);
  await again.close();
});

test('the write-ahead log is on, with full synchronisation', async () => {
  const store = await openStore(path);
  const { sql } = await import('kysely');
  const value = async (name: string) =>
    Object.values((await sql.raw(`pragma ${name}`).execute(store.db)).rows[0] ?? {});
  expect(await value('journal_mode')).toEqual(['wal']);
  // https://www.sqlite.org/pragma.html#pragma_synchronous: 2 is FULL.
  expect(await value('synchronous')).toEqual([2]);
  expect(await value('foreign_keys')).toEqual([1]);
  await store.close();
});

test('a second coordinator on the same folder is refused and told who holds it', async () => {
  const store = await openStore(path);
  const error = await refusal(() => openStore(path));
  expect(error.code).toBe('locked');
  expect(error.message).toContain(`process ${process.pid}`);
  await store.close();
  await (await openStore(path)).close();
});

test('the lock of a process that was killed is free', async () => {
  await (await openStore(path)).close();
  const script = `import { sql } from 'kysely';
import Libsql from 'libsql';
    const lock = new Libsql(${JSON.stringify(`${path}.lock`)}); lock.exec('begin exclusive');
    process.kill(process.pid, 'SIGKILL');`;
  expect(() =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore', cwd: process.cwd() }),
  ).toThrow();
  await (await openStore(path)).close();
});

test('a database another program is writing to is refused as locked, not lost', async () => {
  const store = await openStore(path, { busyTimeoutMs: 50 });
  const other = new Libsql(path);
  other.exec('begin immediate');
  const insert = () =>
    store.db.insertInto('plans').values({ digest: 'd', name: 'n', canonical: '{}', created_ms: 1 }).execute();
  expect((await refusal(insert)).code).toBe('locked');
  other.exec('rollback');
  other.close();
  await insert();
  expect(await store.db.selectFrom('plans').select('digest').execute()).toEqual([{ digest: 'd' }]);
  await store.close();
});

test('a database of a newer version is refused and left as it is', async () => {
  await (await openStore(path)).close();
  const raw = new Libsql(path);
  raw.exec(`insert into schema_migrations values (999, 'from-the-future', 1)`);
  raw.close();
  const before = readFileSync(path);
  const error = await refusal(() => openStore(path));
  expect(error.code).toBe('newer_version');
  expect(error.message).toContain('from-the-future');
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a file that is no database is refused and left as it is', async () => {
  await (await openStore(path)).close();
  const text = 'patients,age\n'.repeat(1000);
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  writeFileSync(path, text);
  expect((await refusal(() => openStore(path))).code).toBe('corrupt');
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('a database with a damaged page is refused', async () => {
  const store = await openStore(path);
  for (let index = 0; index < 400; index++) {
    await store.db
      .insertInto('plans')
      .values({ digest: `d${index}`, name: 'n', canonical: 'x'.repeat(400), created_ms: index })
      .execute();
  }
  await store.close();
  const bytes = readFileSync(path);
  bytes.fill(0xa5, 4096, bytes.length - 4096);
  writeFileSync(path, bytes);
  expect((await refusal(() => openStore(path))).code).toBe('corrupt');
});

const isRoot = process.getuid?.() === 0;
test.skipIf(isRoot)(
  `a folder this user may not write is refused with its name${isRoot ? ' (skipped: root may write everywhere)' : ''}`,
  async () => {
    chmodSync(folder, 0o500);
    const error = await refusal(() => openStore(path));
    expect(error.code).toBe('not_writable');
    expect(error.message).toContain(path);
    chmodSync(folder, 0o700);
  },
);

test('a step of the schema that fails leaves the step before it', async () => {
  const failing = {
    id: 2,
    name: 'broken',
    async up(db: import('kysely').Kysely<unknown>) {
      await db.schema.createTable('half').addColumn('a', 'text').execute();
      throw new Error('power cut');
    },
  };
  const { migrations } = await import('../../../coordinator/store/migrations/all.ts');
  const first = migrations.slice(0, 1);
  await expect(openStore(path, { migrations: [...first, failing] })).rejects.toThrow('power cut');
  const store = await openStore(path, { migrations: first });
  const { sql } = await import('kysely');
  const tables = await sql<{ name: string }>`select name from sqlite_master where name = 'half'`.execute(store.db);
  expect(tables.rows).toEqual([]);
  await store.close();
});

test('when SQLite has ended a transaction by itself, as it does on a full disk, the first error is told', async () => {
  const store = await openStore(path);
  try {
    const first = new StoreError('storage_full');
    const work = store.db.transaction().execute(async (transaction) => {
      await sql`rollback`.execute(transaction);
      throw first;
    });
    await expect(work).rejects.toBe(first);
    // The connection is as good as before.
    expect(await store.db.selectFrom('runs').selectAll().execute()).toEqual([]);
  } finally {
    await store.close();
  }
});
