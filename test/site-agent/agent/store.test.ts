import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentError, agentErrors } from '../../../site-agent/agent/agent-error.ts';
import { agentRuns, lockDirectory } from '../../../site-agent/agent/lock.ts';
import { migrations } from '../../../site-agent/agent/migrations.ts';
import { openAgentStore } from '../../../site-agent/agent/store.ts';
import { temporaryDirectory } from '../../support/heart-site.ts';

let folder: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  folder = temporaryDirectory();
});
afterEach(() => folder.remove());

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(AgentError);
    return (error as AgentError).code;
  }
  throw new Error('nothing was thrown');
}

describe("the agent's database", () => {
  it('keeps what was committed, and drops what was not', () => {
    const store = openAgentStore(folder.path);
    const insert = (run: string): unknown =>
      store.run('insert into plan_runs (run, plan, seen_ms) values (?, ?, ?)', run, 'p', 1);
    store.transaction(() => insert('one'));
    expect(() =>
      store.transaction(() => {
        insert('two');
        throw new Error('no');
      }),
    ).toThrow('no');
    store.close();
    const again = openAgentStore(folder.path);
    expect(again.all('select run from plan_runs')).toEqual([{ run: 'one' }]);
    expect(again.get('pragma synchronous')).toEqual({ synchronous: 2 });
    expect(again.get('pragma journal_mode')).toEqual({ journal_mode: 'wal' });
    again.close();
  });

  it('is readable by its owner only, with its log and index', () => {
    const store = openAgentStore(folder.path);
    store.run("insert into plan_runs (run, plan, seen_ms) values ('a', 'p', 1)");
    const state = join(folder.path, 'state');
    const modes = readdirSync(state).map((name) => [name, (statSync(join(state, name)).mode & 0o777).toString(8)]);
    store.close();
    expect(modes).toEqual([
      ['agent.sqlite', '600'],
      ['agent.sqlite-shm', '600'],
      ['agent.sqlite-wal', '600'],
    ]);
  });

  it('tells of changes by another process', () => {
    const agent = openAgentStore(folder.path);
    const command = openAgentStore(folder.path);
    const before = agent.dataVersion();
    agent.run("insert into plan_runs (run, plan, seen_ms) values ('a', 'p', 1)");
    expect(agent.dataVersion()).toBe(before);
    command.run("insert into plan_runs (run, plan, seen_ms) values ('b', 'p', 1)");
    expect(agent.dataVersion()).not.toBe(before);
    agent.close();
    command.close();
  });

  it('state_locked while another program holds it', () => {
    openAgentStore(folder.path).close();
    const other = new Libsql(join(folder.path, 'state', 'agent.sqlite'));
    other.exec('begin immediate');
    const store = openAgentStore(folder.path, { busyTimeoutMs: 50 });
    expect(codeOf(() => store.run("insert into plan_runs (run, plan, seen_ms) values ('a', 'p', 1)"))).toBe(
      'state_locked',
    );
    other.exec('rollback');
    other.close();
    store.run("insert into plan_runs (run, plan, seen_ms) values ('a', 'p', 1)");
    store.close();
  });

  it('state_newer leaves the file as it is', () => {
    openAgentStore(folder.path).close();
    const newer = new Libsql(join(folder.path, 'state', 'agent.sqlite'));
    newer.exec(`pragma user_version = ${migrations.length + 1}`);
    newer.close();
    expect(codeOf(() => openAgentStore(folder.path))).toBe('state_newer');
    const after = new Libsql(join(folder.path, 'state', 'agent.sqlite'));
    expect(after.prepare('pragma user_version').all()).toEqual([{ user_version: migrations.length + 1 }]);
    after.close();
  });

  it('state_corrupt for a file that is no database', () => {
    mkdirSync(join(folder.path, 'state'));
    writeFileSync(
      join(folder.path, 'state', 'agent.sqlite'),
      'not a database, and long enough to be read as one '.repeat(20),
    );
    expect(codeOf(() => openAgentStore(folder.path))).toBe('state_corrupt');
  });

  it('state_unwritable where the folder cannot be made', () => {
    writeFileSync(join(folder.path, 'state'), 'a file is in the way');
    expect(codeOf(() => openAgentStore(folder.path))).toBe('state_unwritable');
    expect(codeOf(() => lockDirectory(folder.path))).toBe('state_unwritable');
  });
});

describe('the lock', () => {
  it('agent_running for the second of two, free after release', () => {
    const first = lockDirectory(folder.path);
    expect(codeOf(() => lockDirectory(folder.path))).toBe('agent_running');
    first.release();
    lockDirectory(folder.path).release();
  });

  it('is seen by whoever looks, who keeps nobody from it', () => {
    expect(agentRuns(folder.path)).toBe(false);
    const held = lockDirectory(folder.path);
    expect(agentRuns(folder.path)).toBe(true);
    held.release();
    expect(agentRuns(folder.path)).toBe(false);
    lockDirectory(folder.path).release();
  });
});

it('every code has its sentence', () => {
  for (const { meaning } of Object.values(agentErrors)) expect(meaning).toMatch(/\.$/);
});
