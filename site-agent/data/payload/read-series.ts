import type { SeriesPayload } from '../../../shared/plan/payload.ts';
import { cellNumber, cellText, isMissing } from '../cells.ts';
import { DataError } from '../data-error.ts';
import { GrowingColumn } from '../growing-column.ts';
import { locateColumns } from '../locate-columns.ts';
import { type QueryBlock, runQuery } from '../query.ts';
import { continuousReader } from '../readers.ts';
import { enterComputed, RunningFigures } from './computed-columns.ts';
import type { PayloadReport, PayloadSource } from './payload-source.ts';
import type { PayloadTarget } from './payload-target.ts';
import { SeriesFaults } from './series-faults.ts';
import { SeriesGrid } from './series-grid.ts';

const strangersNamed = 5;

/**
 * Runs the series query (long: a row a series and minute, a column a channel) and lays each series that a row asks for on the grid.
 * The rows of one series must come together, in any order among themselves: one series is in hand at a time, whatever their number.
 *
 * @throws DataError `series_scattered`, and what `runQuery` and `locateColumns` throw
 */
export async function readSeries(
  payload: SeriesPayload,
  source: Extract<PayloadSource, { kind: 'series' }>,
  target: PayloadTarget,
  known: { readonly refused: ReadonlySet<string>; readonly wholeSource: boolean },
  signal?: AbortSignal,
): Promise<PayloadReport> {
  const values = target.values as Float32Array;
  const size = values.length / Math.max(1, target.rows);
  const rowOf = new Map(target.keys.map((key, row) => [key, row]));
  const found = new Uint8Array(target.rows);
  const strangers = new Set<string>();
  const grid = new SeriesGrid(payload);
  const channels = payload.channels.map(({ name, range }) => ({
    name,
    range,
    read: continuousReader({ range, missing: 'impute' }),
  }));
  const computed = target.computed.map((one) => ({
    one,
    channel: payload.channels.findIndex(({ name }) => name === one.summary.channel),
  }));
  const outOfRange = new Map(channels.map(({ name }) => [name, new GrowingColumn()]));
  const overall = payload.channels.map(() => new RunningFigures());
  let laidOut = 0;
  let located: ReadonlyMap<string, number> = new Map();
  let beyondEnd = 0;
  let latestMinute: number | null = null;
  let withoutKey = 0;
  let rowsRead = 0;
  let current: string | null = null;
  let currentRow: number | undefined;
  const faults = new SeriesFaults();

  const finish = (): void => {
    const row = currentRow;
    if (current === null || row === undefined) return;
    if (!faults.any) {
      const missing = grid.missingShare();
      if (missing > payload.maximumMissingShare) {
        const allowed = `${(payload.maximumMissingShare * 100).toFixed(1)}%`;
        target.refuse(
          row,
          payload.key,
          'series_sparse',
          current,
          `${(missing * 100).toFixed(1)}% of steps; ${allowed} may`,
        );
      } else {
        grid.write(values, row * size);
        laidOut++;
        const figures = overall.map((_, channel) => grid.figures(channel));
        for (const [channel, all] of overall.entries()) all.include(figures[channel] as RunningFigures);
        for (const { one, channel } of computed) {
          enterComputed(target, one, row, (figures[channel] as RunningFigures).figure(one.summary.by));
        }
      }
    }
    faults.finish(target, row);
  };

  const begin = (key: string): void => {
    finish();
    grid.clear();
    current = key;
    currentRow = rowOf.get(key);
    const again = currentRow === undefined ? strangers.has(key) : found[currentRow] === 1;
    if (again) {
      throw new DataError(
        'series_scattered',
        `Row ${rowsRead} of the series query belongs to a series whose rows ended before it: the rows of one ${payload.key} must stand together. End the query with ORDER BY ${payload.key}; data.memoryMegabytes must hold what is sorted, or keep the file sorted.`,
        { column: payload.key, row: rowsRead },
      );
    }
    if (currentRow !== undefined) found[currentRow] = 1;
    else strangers.add(key);
  };

  const readBlock = (block: QueryBlock): void => {
    const cellsOf = (name: string): readonly unknown[] => block.values[located.get(name) as number] ?? [];
    const keys = cellsOf(payload.key);
    const minutes = cellsOf(payload.minute);
    const cells = channels.map(({ name }) => cellsOf(name));
    let lastKeyCell: unknown;
    let lastKey: string | undefined;
    for (let index = 0; index < block.rows; index++) {
      rowsRead++;
      const keyCell = keys[index];
      if (keyCell !== lastKeyCell || typeof keyCell === 'object') {
        lastKeyCell = keyCell;
        lastKey = isMissing(keyCell) ? undefined : cellText(keyCell);
      }
      if (lastKey === undefined) {
        withoutKey++;
        continue;
      }
      if (lastKey !== current) begin(lastKey);
      if (currentRow === undefined) continue;
      const minuteCell = minutes[index];
      const minute = isMissing(minuteCell) ? undefined : cellNumber(minuteCell);
      if (minute === undefined) {
        faults.add(payload.minute, 'minute_invalid', minuteCell, Number.NaN, rowsRead);
        continue;
      }
      if (minute < 0) {
        faults.add(payload.minute, 'minute_negative', minuteCell, minute, rowsRead);
        continue;
      }
      const step = grid.stepOf(minute);
      if (step >= payload.steps) {
        beyondEnd++;
        continue;
      }
      if (latestMinute === null || minute > latestMinute) latestMinute = minute;
      for (let channel = 0; channel < channels.length; channel++) {
        const { name, range, read } = channels[channel] as (typeof channels)[number];
        const cell = (cells[channel] as readonly unknown[])[index];
        if (cell === null) continue;
        // Almost every cell: nothing of it is put on the heap.
        if (typeof cell === 'number' && cell >= range[0] && cell <= range[1]) {
          grid.add(step, channel, cell);
          continue;
        }
        const reading = read(cell);
        if ('rule' in reading) {
          const first = faults.add(name, reading.rule, cell, minute, rowsRead);
          if (first && reading.rule === 'out_of_range') outOfRange.get(name)?.push(cellNumber(cell) ?? Number.NaN);
        } else if (!Number.isNaN(reading.value)) grid.add(step, channel, reading.value);
      }
    }
  };

  await runQuery(
    source.directory,
    source.sql,
    { ...source.limits, name: 'series query' },
    (names) => {
      located = locateColumns(names, [payload.key, payload.minute, ...channels.map(({ name }) => name)], {
        query: 'series query',
      });
    },
    readBlock,
    signal,
  );
  finish();
  for (let row = 0; row < target.rows; row++) {
    if (found[row] === 0) target.refuse(row, payload.key, 'series_missing', target.keys[row]);
  }
  const unknown = known.wholeSource ? [...strangers].filter((key) => !known.refused.has(key)) : [];
  return {
    withoutRow: unknown.length,
    firstWithoutRow: unknown.slice(0, strangersNamed),
    beyondEnd,
    latestMinute,
    withoutKey,
    outOfRange: new Map([...outOfRange].map(([name, numbers]) => [name, numbers.finish()])),
    channels: payload.channels.map(({ name, unit }, channel) => {
      const figures = overall[channel] as RunningFigures;
      const { count, minimum: least, maximum: largest } = figures;
      return {
        name,
        unit,
        measuredShare: laidOut === 0 ? 0 : count / (laidOut * payload.steps),
        range: count === 0 ? null : { least, mean: figures.figure('mean'), largest },
      };
    }),
  };
}
