import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import Database from 'libsql';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from '../../cli/program.ts';

/** The native parts of the stack load and work on this Node; `scripts/other-nodes.sh` runs this on 22 and 24. */
describe(`the stack on Node ${process.version}`, () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wardround-smoke-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('reads a query through DuckDB', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll('select 6 * 7 as answer');
    expect(reader.getRowObjects()).toEqual([{ answer: 42 }]);
    connection.closeSync();
  });

  it('keeps rows in SQLite through libsql', () => {
    const database = new Database(join(folder, 'smoke.sqlite'));
    database.exec('create table t (x integer)');
    database.prepare('insert into t values (?)').run(42);
    expect(database.prepare('select x from t').all()).toMatchObject([{ x: 42 }]);
    database.close();
  });

  it('loads onnxruntime, which refuses bytes that are no model', async () => {
    await expect(InferenceSession.create(new Uint8Array([1, 2, 3]))).rejects.toThrow();
  });

  it('loads every command for its help and exits with 0', async () => {
    const printed = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    expect(await run(['--help'])).toBe(0);
    const help = printed.mock.calls.map(([text]) => String(text)).join('');
    vi.restoreAllMocks();
    for (const word of [
      'consortium',
      'coordinator',
      'site',
      'sites',
      'run',
      'release',
      'plan',
      'policy',
      'simulate',
      'demo',
    ]) {
      expect(help).toMatch(new RegExp(`^  ${word}\\b`, 'm'));
    }
  });
});
