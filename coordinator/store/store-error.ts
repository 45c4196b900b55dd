import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

/** Everything that can be wrong with the coordinator's database and its files of objects. */
export type StoreErrorCode =
  | 'locked'
  | 'newer_version'
  | 'corrupt'
  | 'storage_full'
  | 'missing'
  | 'not_writable'
  | 'object_missing'
  | 'object_corrupt'
  | 'failed';

export const storeErrors: ErrorCatalogue<StoreErrorCode> = {
  locked: { meaning: 'Another process holds the database; stop it, or wait until it has ended.', advice: 'retry' },
  newer_version: {
    meaning: 'The database was written by a newer version of Wardround; install that version, nothing was changed.',
    advice: 'fix',
  },
  corrupt: {
    meaning: 'The database file is damaged or is no database; restore it from a backup, nothing was changed.',
    advice: 'abort',
  },
  storage_full: { meaning: 'The disk is full; make room, nothing that was confirmed is lost.', advice: 'retry' },
  missing: { meaning: 'The database of this consortium is not where it was made.', advice: 'fix' },
  not_writable: { meaning: 'The state folder cannot be read or written by this user.', advice: 'fix' },
  object_missing: { meaning: 'An object is not in the store.', advice: 'abort' },
  object_corrupt: { meaning: 'An object no longer has the digest it is named by; restore it.', advice: 'abort' },
  failed: { meaning: 'The database or the file system refused an operation.', advice: 'abort' },
};

export class StoreError extends WardroundError<StoreErrorCode> {
  readonly subsystem = 'store';

  constructor(code: StoreErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message ?? storeErrors[code].meaning, storeErrors[code].advice, details, cause);
  }
}

/** Below this many free bytes an input-output error is taken for a full disk: SQLite reports both the same way in WAL mode. */
const nearlyFullBytes = 256 * 1024;

function diskIsFull(path: string): boolean {
  try {
    const disk = statfsSync(dirname(path));
    return disk.bavail * disk.bsize < nearlyFullBytes;
  } catch {
    return false;
  }
}

function codeOf(cause: unknown): string {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** Gives an error of SQLite or of the file system the form the rest of the coordinator understands; others pass through. */
export function asStoreError(cause: unknown, path: string): unknown {
  if (cause instanceof WardroundError) return cause;
  const code = codeOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  const make = (kind: StoreErrorCode, message: string): StoreError =>
    new StoreError(kind, message, { path, cause: code }, cause);
  if (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    code.startsWith('SQLITE_FULL') ||
    /database or disk is full/.test(text)
  ) {
    return make('storage_full', `${path}: ${storeErrors.storage_full.meaning}`);
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return make('locked', `${path}: ${storeErrors.locked.meaning}`);
  }
  if (code.startsWith('SQLITE_NOTADB') || code.startsWith('SQLITE_CORRUPT')) {
    return make('corrupt', `${path}: ${storeErrors.corrupt.meaning}`);
  }
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CANTOPEN')) {
    if (diskIsFull(path)) return make('storage_full', `${path}: ${storeErrors.storage_full.meaning}`);
    return make(
      code.startsWith('SQLITE_CANTOPEN') ? 'not_writable' : 'failed',
      `${path}: the database cannot be ${code.startsWith('SQLITE_CANTOPEN') ? 'opened' : 'read or written'} (${text}).`,
    );
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code) || code.startsWith('SQLITE_READONLY')) {
    return make('not_writable', `${path}: ${storeErrors.not_writable.meaning}`);
  }
  if (code.startsWith('SQLITE_') || /^E[A-Z]+$/.test(code)) return make('failed', `${path}: ${text}`);
  return cause;
}
