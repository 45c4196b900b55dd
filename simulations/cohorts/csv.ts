import { SimulationError } from '../simulation-error.ts';

/**
 * Reads RFC 4180 text: comma, quotes doubled inside quotes, LF or CRLF, a last line end or none. Empty lines are passed over.
 * @throws SimulationError `cohort_invalid` naming the file and the line of a quote that is never closed.
 */
export function parseCsv(text: string, file: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  let line = 1;
  let quoteLine = 1;
  const endRow = (): void => {
    row.push(cell);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    cell = '';
  };
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '\n') line++;
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at++;
      } else quoted = false;
    } else if (character === '"' && cell === '') {
      quoted = true;
      quoteLine = line;
    } else if (character === ',') {
      row.push(cell);
      cell = '';
    } else if (character === '\n') endRow();
    else if (character !== '\r' || text[at + 1] !== '\n') cell += character;
  }
  if (quoted) {
    throw new SimulationError('cohort_invalid', `${file}: the quote opened on line ${quoteLine} is never closed.`, {
      file,
      line: quoteLine,
    });
  }
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** RFC 4180 text with LF line ends. */
export function formatCsv(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return `${[header, ...rows].map((row) => row.map(quote).join(',')).join('\n')}\n`;
}
