import { DataError } from './data-error.ts';

/**
 * Where each wanted column is in the query's result. Names match exactly, or else without regard to case, as in SQL.
 * @param file that was named instead of a query, for the message; or which query
 * @throws DataError `missing_column`, `repeated_column`
 */
export function locateColumns(
  names: readonly string[],
  wanted: readonly string[],
  { file, query = 'query' }: { readonly file?: string; readonly query?: string } = {},
): ReadonlyMap<string, number> {
  const located = new Map<string, number>();
  for (const name of wanted) {
    const exact = names.flatMap((other, index) => (other === name ? [index] : []));
    const loose = names.flatMap((other, index) => (other.toLowerCase() === name.toLowerCase() ? [index] : []));
    const matches = exact.length > 0 ? exact : loose;
    if (matches.length > 1) {
      throw new DataError('repeated_column', `The ${query} yields the column "${name}" ${matches.length} times.`, {
        column: name,
      });
    }
    const match = matches[0];
    if (match === undefined) {
      throw new DataError(
        'missing_column',
        file === undefined
          ? `The ${query} does not yield the column "${name}". It yields: ${names.join(', ')}. Add it with AS ${name}.`
          : `--input ${file}: has no column "${name}". It has: ${names.join(', ')}.`,
        { column: name, ...(file === undefined ? {} : { file }) },
      );
    }
    located.set(name, match);
  }
  return located;
}
