import { isAbsolute, join } from 'node:path';
import type { DataContract } from '../../../shared/plan/contract.ts';
import type { SiteDataConfig } from '../../config.ts';
import type { Range } from '../column-figures.ts';
import { DataError } from '../data-error.ts';
import { type QueryLimits, readQuery } from '../query.ts';

/** Where the series or images of the rows are. */
export type PayloadSource =
  | { readonly kind: 'series'; readonly directory: string; readonly sql: string; readonly limits: QueryLimits }
  | { readonly kind: 'images'; readonly folder: string };

/** Figures of one channel over the steps that have a measurement, of the series that were laid out. */
export interface ChannelFigures {
  readonly name: string;
  readonly unit: string;
  /** Steps with a measurement, of all steps. */
  readonly measuredShare: number;
  /** Null without a measurement. */
  readonly range: Range | null;
}

/** What the series query or the image folder held beside what the rows have. Nothing of it is a problem of a row. */
export interface PayloadReport {
  /** Series, or image files, that belong to no row. */
  readonly withoutRow: number;
  /** Keys or file names of the first of them. */
  readonly firstWithoutRow: readonly string[];
  /** Measurements (rows of the series query) beyond the last step; they are not read. */
  readonly beyondEnd: number;
  /** The latest minute of what was read of the rows' series; null without a measurement, and for images. */
  readonly latestMinute: number | null;
  /** Rows of the series query that name no series; they are not read. */
  readonly withoutKey: number;
  /** By channel: the first number of each series outside the channel's range. */
  readonly outOfRange: ReadonlyMap<string, Float64Array>;
  /** Of series; none for images. */
  readonly channels: readonly ChannelFigures[];
}

/**
 * Where `site.yaml` says that a contract's series or images are; null where the contract has none.
 * @throws DataError `payload_source_missing`, `query_file_missing`
 */
export function payloadSource(directory: string, config: SiteDataConfig, contract: DataContract): PayloadSource | null {
  const { payload } = contract;
  if (payload === undefined) return null;
  if (payload.kind === 'series') {
    const { series } = config;
    if (series === undefined) {
      const channels = payload.channels.map(({ name }) => name).join(', ');
      throw new DataError(
        'payload_source_missing',
        `site.yaml: data.series: not given, and the plan reads series. Write under data.series.query a SELECT that yields ${payload.key}, ${payload.minute}, ${channels}: one row a measurement time.`,
        { file: 'site.yaml', path: 'data.series' },
      );
    }
    return { kind: 'series', directory, sql: readQuery(directory, series, 'data.series'), limits: config };
  }
  if (config.images === undefined) {
    throw new DataError(
      'payload_source_missing',
      `site.yaml: data.images: not given, and the plan reads images. Write under data.images.folder the folder that the column ${payload.file} names files of.`,
      { file: 'site.yaml', path: 'data.images' },
    );
  }
  const { folder } = config.images;
  return { kind: 'images', folder: isAbsolute(folder) ? folder : join(directory, folder) };
}
