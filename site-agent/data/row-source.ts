import { dirname, resolve } from 'node:path';
import type { DataContract } from '../../shared/plan/contract.ts';
import { canonicalDigest } from '../../shared/runtime/canonical.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { SiteDataConfig } from '../config.ts';
import { inputLimits, inputSql, type PayloadFiles, payloadFiles } from './input-file.ts';
import { holdoutColumnOf, type LoadedRows, loadRows } from './load-rows.ts';
import { checkUnits } from './load-site-data.ts';
import { payloadSource } from './payload/payload-source.ts';
import { readQuery } from './query.ts';
import type { RowSink } from './rows-in-parts.ts';

/** What a pass over rows leaves behind: counts and problems, no rows. */
export type PassedRows = Omit<LoadedRows, 'table'>;

/** Rows to score, in parts. Their outcomes may not be known yet, and the column of the outcome may be absent. */
export interface RowSource {
  /** `query`, or the name of the file. */
  readonly name: string;
  /** Digest of the query and the units declared for it; null for a file. */
  readonly schema: Digest | null;
  /** @throws DataError */
  read(contract: DataContract, sink: RowSink, signal?: AbortSignal): Promise<PassedRows>;
}

const withoutTable = ({ table: _, ...rest }: LoadedRows): PassedRows => rest;

/** The digest of what decides which columns mean what: the queries' text and the units declared. @throws DataError `query_file_missing` */
export function schemaDigest(directory: string, config: SiteDataConfig): Digest {
  const { images, series, units } = config;
  return canonicalDigest({
    query: readQuery(directory, config),
    units,
    ...(series === undefined
      ? {}
      : { series: { query: readQuery(directory, series, 'data.series'), units: series.units } }),
    ...(images === undefined ? {} : { images }),
  });
}

/** The hospital's own query. */
export function querySource(directory: string, config: SiteDataConfig): RowSource {
  return {
    name: 'query',
    schema: schemaDigest(directory, config),
    async read(contract, sink, signal) {
      checkUnits(contract, config);
      const demands = {
        label: false,
        holdoutColumn: holdoutColumnOf(contract, config.holdout),
        payload: payloadSource(directory, config, contract),
      };
      return withoutTable(
        await loadRows(directory, readQuery(directory, config), config, contract, demands, signal, sink),
      );
    },
  };
}

/** A file with new rows, in the plan's units. @throws DataError `file_missing` for a file of another kind */
export function fileSource(path: string, beside: PayloadFiles = {}): RowSource {
  const sql = inputSql(resolve(path));
  return {
    name: path,
    schema: null,
    async read(contract, sink, signal) {
      const demands = { label: false, holdoutColumn: null, payload: payloadFiles(contract, path, beside) };
      return withoutTable(await loadRows(dirname(resolve(path)), sql, inputLimits, contract, demands, signal, sink));
    },
  };
}
