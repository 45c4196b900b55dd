import { describe, expect, it } from 'vitest';
import { formatCsv, parseCsv } from '../../../simulations/cohorts/csv.ts';
import { SimulationError } from '../../../simulations/simulation-error.ts';

describe('CSV', () => {
  it('reads quotes, doubled quotes, commas and line ends inside them, CRLF and a byte order mark', () => {
    const text = '\ufeffa,b\r\n"1,5","say ""yes"""\r\n"two\nlines",\r\n\r\nlast,one';
    expect(parseCsv(text, 'x.csv')).toEqual([
      ['a', 'b'],
      ['1,5', 'say "yes"'],
      ['two\nlines', ''],
      ['last', 'one'],
    ]);
  });

  it('gives back what it wrote', () => {
    const rows = [
      ['plain', 'with, comma'],
      ['with "quotes"', 'with\nline end'],
      ['', 'x'],
    ];
    expect(parseCsv(formatCsv(['a', 'b'], rows), 'x.csv')).toEqual([['a', 'b'], ...rows]);
  });

  it('names the file and the line of a quote that is never closed', () => {
    const attempt = (): unknown => parseCsv('a,b\n1,2\n"open,3\n', 'broken.csv');
    expect(attempt).toThrow(SimulationError);
    expect(attempt).toThrow(/broken\.csv: the quote opened on line 3/);
  });
});
