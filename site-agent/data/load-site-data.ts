import type { DataContract } from '../../shared/plan/contract.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteDataConfig } from '../config.ts';
import { DataError } from './data-error.ts';
import { holdoutColumnOf, type LoadedRows, loadRows } from './load-rows.ts';
import { payloadSource } from './payload/payload-source.ts';
import { problemMeanings } from './problems.ts';
import { readQuery } from './query.ts';
import type { SiteTable } from './site-table.ts';
import { cutoffMs, type RowSplit, splitRows } from './split.ts';
import { conversionFrom, conversionSql, sameUnitWrittenDifferently } from './units.ts';

/** A site's rows under one plan. Handed whole to `training/` and `judging/`; no other room looks inside. */
export interface SiteData extends RowSplit {
  readonly table: SiteTable;
  readonly loaded: LoadedRows;
}

/** What has a unit, in the plan. */
interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly description?: string | undefined;
}

/**
 * Compares the units the site declares with the plan's, before any row is read: of the columns that the query yields, of a numeric outcome,
 * and of the channels of series.
 * @throws DataError `unit_missing`, or `wrong_unit` naming column, both units and the conversion where it is known
 */
export function checkUnits(contract: DataContract, config: Pick<SiteDataConfig, 'units' | 'series'>): void {
  const numeric = contract.columns.filter((column) => column.kind === 'continuous' && column.summary === undefined);
  const label = 'levels' in contract.label ? [] : [contract.label];
  checkDeclared([...(numeric as Measured[]), ...label], config.units, 'data.units', 'query');
  if (contract.payload?.kind === 'series' && config.series !== undefined) {
    checkDeclared(contract.payload.channels, config.series.units, 'data.series.units', 'series query');
  }
}

function checkDeclared(
  columns: readonly Measured[],
  units: Readonly<Record<string, string>>,
  section: string,
  query: string,
): void {
  const declaredFor = (name: string): string | undefined => (Object.hasOwn(units, name) ? units[name] : undefined);
  const undeclared = columns.filter(({ name }) => declaredFor(name) === undefined);
  const [first] = undeclared;
  if (first !== undefined) {
    throw new DataError(
      'unit_missing',
      `site.yaml: ${section}.${first.name}: not given. Write under ${section} in which unit your ${query} yields ` +
        `${undeclared.map(({ name }) => name).join(', ')}. The plan has: ` +
        `${undeclared.map(({ name, unit }) => `${name} in ${unit}`).join(', ')}.`,
      { file: 'site.yaml', path: `${section}.${first.name}`, column: first.name, unit: first.unit },
    );
  }
  for (const column of columns) {
    const declared = declaredFor(column.name) ?? '';
    const details = { file: 'site.yaml', path: `${section}.${column.name}`, column: column.name, unit: column.unit };
    if (declared === column.unit) continue;
    const conversion = conversionFrom(column, declared);
    let remedy = "Convert it in the query, then declare the plan's unit.";
    if (sameUnitWrittenDifferently(declared, column.unit)) {
      remedy = `If that is the same unit, write it as the plan does: ${column.unit}.`;
    } else if (conversion !== undefined) {
      remedy = `Write in the query: ${conversionSql(column.name, conversion)}; then declare ${column.unit}.`;
    }
    throw new DataError(
      'wrong_unit',
      `site.yaml: ${section}.${column.name}: "${declared}", and the plan has "${column.unit}". ${remedy}`,
      { ...details, value: declared },
    );
  }
}

/**
 * Reads the rows and divides them, without judging whether they suffice: what `site check` reports on.
 * @param nowMs milliseconds since the epoch: rows whose outcome window is open then do not train
 */
export async function readSiteData(
  directory: string,
  config: SiteDataConfig,
  contract: DataContract,
  nowMs: number,
  signal?: AbortSignal,
): Promise<SiteData> {
  checkUnits(contract, config);
  const loaded = await loadRows(
    directory,
    readQuery(directory, config),
    config,
    contract,
    {
      label: true,
      holdoutColumn: holdoutColumnOf(contract, config.holdout),
      payload: payloadSource(directory, config, contract),
    },
    signal,
  );
  if (loaded.rowsRead === 0) throw new DataError('empty_table');
  const { table, split } = splitRows(loaded.table, contract, config.holdout, nowMs);
  return { ...split, table, loaded };
}

/** By column: numbers outside the plan's range in the rows that would judge, where dates tell which those are. */
export function outOfRangeAmongJudged(data: SiteData, contract: DataContract): ReadonlyMap<string, Float64Array> {
  const fromMs = cutoffMs(contract);
  const found = new Map<string, Float64Array>();
  if (fromMs === null) return found;
  for (const [name, { values, times }] of data.loaded.outOfRange) {
    found.set(
      name,
      values.filter((_, index) => (times[index] as number) >= fromMs),
    );
  }
  return found;
}

/** Why these rows may not be trained on, or null. */
export function refusalOf(data: SiteData, contract: DataContract): DataError | null {
  const { problems, rowsRead } = data.loaded;
  const share = problems.rows / rowsRead;
  if (share <= contract.maximumProblemShare) return null;
  const worst = problems.counts[0];
  const percent = (value: number): string => `${(value * 100).toFixed(1)}%`;
  return new DataError(
    'too_many_problems',
    `${problems.rows} of ${rowsRead} rows (${percent(share)}) have problems; the plan allows ${percent(contract.maximumProblemShare)}.` +
      (worst === undefined
        ? ''
        : ` Most often: column "${worst.column}", ${problemMeanings[worst.rule]} (${worst.rows} rows).`) +
      ' See them with "wardround site check".',
    { rows: rowsRead, problems: problems.rows, column: worst?.column, rule: worst?.rule },
  );
}

/**
 * A site's rows, checked against the plan's contract and divided into training and judging rows.
 * @param nowMs as for `readSiteData`
 * @throws DataError; `too_many_problems` when more rows than the plan allows are unfit
 */
export async function loadSiteData(
  directory: string,
  config: SiteDataConfig,
  plan: Plan,
  nowMs: number,
  signal?: AbortSignal,
): Promise<SiteData> {
  const data = await readSiteData(directory, config, plan.data, nowMs, signal);
  const refusal = refusalOf(data, plan.data);
  if (refusal !== null) throw refusal;
  return data;
}
