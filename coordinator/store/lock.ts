import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import Libsql from 'libsql';
import { asStoreError, StoreError } from './store-error.ts';

/**
 * Takes the state folder for this process. The lock is one of the operating system's, held through an open SQLite
 * transaction on a file of its own: it ends with the process, however that ends, and no process id can be mistaken
 * for another's (in a container they often repeat). The text beside it only tells a person who holds it.
 * @throws StoreError `locked` when another process holds it.
 */
export function holdLock(path: string): { release(): void } {
  const holder = `${path}.holder`;
  try {
    const lock = new Libsql(path, { timeout: 0 });
    try {
      lock.exec('begin exclusive');
    } catch (cause) {
      lock.close();
      throw cause;
    }
    try {
      writeFileSync(holder, `process ${process.pid} on ${hostname()}\n`);
    } catch {
      // Only a help for people; a full disk must not keep the coordinator from starting.
    }
    return { release: () => lock.close() };
  } catch (cause) {
    const error = asStoreError(cause, path);
    if (!(error instanceof StoreError) || error.code !== 'locked') throw error;
    let who = 'another process';
    try {
      who = readFileSync(holder, 'utf8').trim();
    } catch {
      // Not written yet.
    }
    throw new StoreError(
      'locked',
      `${path}: the state is held by ${who}. Only one coordinator may use a folder; stop the other one first.`,
      { path, holder: who },
      cause,
    );
  }
}
