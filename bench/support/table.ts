import type { BenchRow } from './bench.ts';

function shortNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** The rows as a table for a terminal; columns without any entry are left out. */
export function tableOf(rows: readonly BenchRow[]): string {
  const columns: readonly (readonly [string, (row: BenchRow) => string, 'left' | 'right'])[] = [
    ['case', (row) => row.case, 'left'],
    ['figure', (row) => row.figure, 'left'],
    ['value', (row) => shortNumber(row.value), 'right'],
    ['unit', (row) => row.unit, 'left'],
    ['ratio', (row) => (row.ratio === undefined ? '' : `${shortNumber(row.ratio)} x`), 'right'],
    ['against', (row) => row.against ?? '', 'left'],
    ['goal', (row) => row.goal ?? '', 'left'],
    ['ok', (row) => (row.ok === undefined ? '' : row.ok ? 'yes' : 'NO'), 'left'],
  ];
  const used = columns.filter(([, text]) => rows.some((row) => text(row) !== ''));
  const widths = used.map(([title, text]) => Math.max(title.length, ...rows.map((row) => text(row).length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return used[index]?.[2] === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [
    line(used.map(([title]) => title)),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => line(used.map(([, text]) => text(row)))),
  ].join('\n');
}
