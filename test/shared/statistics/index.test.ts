import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as statistics from '../../../shared/statistics/index.ts';

const table = readFileSync(new URL('../../../docs/statistics.md', import.meta.url), 'utf8');

/** Names between backticks in the first column of the tables. */
const documented = table
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) =>
    [...(line.split(' | ')[0] as string).matchAll(/`([A-Za-z0-9]+)`/g)].map((match) => match[1] as string),
  );
const functions = Object.entries(statistics)
  .filter(([name, value]) => typeof value === 'function' && name !== 'StatisticsError')
  .map(([name]) => name);

describe('list of the statistics', () => {
  it('names only what is there, once', () => {
    expect(documented.filter((name) => !(name in statistics))).toEqual([]);
    expect(documented.filter((name, index) => documented.indexOf(name) !== index)).toEqual([]);
    expect(documented.length).toBeGreaterThan(40);
  });

  it('leaves out no function', () => {
    expect(functions.filter((name) => !documented.includes(name))).toEqual([]);
  });
});
