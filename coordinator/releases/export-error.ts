import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

export type ExportErrorCode = 'not_empty' | 'not_writable' | 'digest_mismatch' | 'manifest_mismatch';

export const exportErrors: ErrorCatalogue<ExportErrorCode> = {
  not_empty: { meaning: 'The directory to export to holds files already.', advice: 'fix' },
  not_writable: { meaning: 'The directory or file to export to cannot be made or written to.', advice: 'fix' },
  digest_mismatch: { meaning: 'A file of the release does not have the digest it is named by.', advice: 'reject' },
  manifest_mismatch: { meaning: 'The manifest is not that of the release asked for.', advice: 'reject' },
};

/** A release cannot be exported, or is not what it says. */
export class ExportError extends WardroundError<ExportErrorCode> {
  readonly subsystem = 'export';

  constructor(code: ExportErrorCode, message: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message, exportErrors[code].advice, details, cause);
  }
}
