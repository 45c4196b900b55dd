import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import Libsql from 'libsql';
import { AgentError } from './agent-error.ts';

/** How long an agent that starts waits for somebody who only looks (`agentRuns`) to be done. */
const glanceMs = 250;

function lockPath(directory: string): string {
  return join(directory, 'state', 'agent.lock');
}

/** Whether an agent holds this site directory now. An agent that was killed holds nothing, whatever its files say. */
export function agentRuns(directory: string): boolean {
  const path = lockPath(directory);
  if (!existsSync(path)) return false;
  let lock: Libsql.Database | undefined;
  try {
    lock = new Libsql(path, { timeout: 0 });
    lock.prepare('select count(*) from sqlite_master').get();
    return false;
  } catch (error) {
    return String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY');
  } finally {
    lock?.close();
  }
}

/**
 * Takes a site directory for one agent. The lock is the operating system's, held through an open SQLite transaction on
 * a file of its own: it ends with the process, however that ends. The text beside it only tells a person who holds it.
 * @throws AgentError `agent_running`, `state_unwritable`
 */
export function lockDirectory(directory: string): { release(): void } {
  const path = lockPath(directory);
  const holder = `${path}.holder`;
  let lock: Libsql.Database | undefined;
  try {
    mkdirSync(join(directory, 'state'), { recursive: true, mode: 0o700 });
    lock = new Libsql(path, { timeout: glanceMs });
    lock.exec('begin exclusive');
  } catch (cause) {
    lock?.close();
    const code = (cause as { code?: unknown }).code;
    if (typeof code !== 'string' || !code.startsWith('SQLITE_BUSY')) {
      throw new AgentError('state_unwritable', `${path} cannot be written to.`, { path }, cause);
    }
    let who = 'another process';
    try {
      who = readFileSync(holder, 'utf8').trim();
    } catch {
      // Not written yet.
    }
    throw new AgentError(
      'agent_running',
      `${directory} is in use by ${who}. Only one agent may run on a directory; stop the other one first.`,
      { path, holder: who },
      cause,
    );
  }
  try {
    writeFileSync(holder, `process ${process.pid} on ${hostname()}\n`);
  } catch {
    // Only a help for people; a full disk must not keep the agent from starting.
  }
  const held = lock;
  return { release: () => held.close() };
}
