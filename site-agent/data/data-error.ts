import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

/** Every way a site's data can be unfit for a plan. Single bad rows are problems, not errors; see `problems.ts`. */
export type DataErrorCode =
  | 'query_failed'
  | 'query_not_select'
  | 'query_file_missing'
  | 'file_missing'
  | 'file_ambiguous'
  | 'out_of_memory'
  | 'missing_column'
  | 'repeated_column'
  | 'unit_missing'
  | 'wrong_unit'
  | 'empty_table'
  | 'too_many_problems'
  | 'levels_ambiguous'
  | 'holdout_missing'
  | 'holdout_invalid'
  | 'too_few_rows'
  | 'output_failed'
  | 'payload_source_missing'
  | 'series_scattered'
  | 'image_folder_missing'
  | 'image_library_missing';

export const dataErrors: ErrorCatalogue<DataErrorCode> = {
  query_failed: { meaning: 'The query could not be run; DuckDB says why.', advice: 'fix' },
  query_not_select: { meaning: 'The query must be one SELECT statement and nothing else.', advice: 'fix' },
  query_file_missing: { meaning: 'The file with the query is not there or cannot be read.', advice: 'fix' },
  file_missing: { meaning: 'A file the query reads is not there.', advice: 'fix' },
  file_ambiguous: {
    meaning:
      'A file name in the query also names a file where the program was started, which DuckDB would read; start it in the site directory, or write the whole path.',
    advice: 'fix',
  },
  out_of_memory: {
    meaning:
      'The query needs more memory than data.memoryMegabytes allows, or the rows more than there is; raise it or simplify the query.',
    advice: 'fix',
  },
  missing_column: { meaning: "The query does not yield one of the plan's columns.", advice: 'fix' },
  repeated_column: { meaning: 'The query yields two columns of one name; give each its own with AS.', advice: 'fix' },
  unit_missing: { meaning: 'site.yaml does not say in which unit a numeric column is.', advice: 'fix' },
  wrong_unit: {
    meaning: 'A column is in another unit than the plan asks for; convert it in the query.',
    advice: 'fix',
  },
  empty_table: { meaning: 'The query yields no rows.', advice: 'fix' },
  too_many_problems: {
    meaning: 'More rows have problems than the plan allows; see them with "wardround site check".',
    advice: 'fix',
  },
  levels_ambiguous: {
    meaning: 'Two levels of a column in the plan are the same once numbers are normalised.',
    advice: 'fix',
  },
  holdout_missing: {
    meaning: 'The plan has no training cut-off, so site.yaml must declare a holdout under data.holdout.',
    advice: 'fix',
  },
  holdout_invalid: { meaning: 'The holdout column is absent, not true/false, or splits a patient.', advice: 'fix' },
  too_few_rows: { meaning: 'Fewer training rows than this site asks for before it takes part.', advice: 'fix' },
  output_failed: { meaning: 'The predictions could not be written.', advice: 'fix' },
  payload_source_missing: {
    meaning:
      'The plan reads series or images, and nothing says where they are: data.series or data.images of site.yaml.',
    advice: 'fix',
  },
  series_scattered: {
    meaning: 'The rows of one series are not together in the series query; end it with ORDER BY the key.',
    advice: 'fix',
  },
  image_folder_missing: { meaning: 'The image folder is not there, or cannot be read.', advice: 'fix' },
  image_library_missing: { meaning: 'The library that reads images cannot be loaded on this machine.', advice: 'fix' },
};

export class DataError extends WardroundError<DataErrorCode> {
  readonly subsystem = 'data';

  constructor(code: DataErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    const entry = dataErrors[code];
    super(code, message ?? entry.meaning, entry.advice, details, cause);
  }

  /** DuckDB's own words may quote a cell. */
  override get loggedReason(): string {
    return this.code === 'query_failed' ? dataErrors.query_failed.meaning : this.message;
  }
}
