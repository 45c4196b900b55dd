export type Cell = string | number | null;

const separator = '  ';

/** Rows under their heads, numbers to the right. */
export function tableText(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map((cell) => (cell === null ? '-' : String(cell))));
  const widths = heads.map((head, column) => Math.max(head.length, ...texts.map((row) => (row[column] ?? '').length)));
  const numeric = heads.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join(separator)
      .trimEnd();
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...texts.map(line)].join('\n');
}
