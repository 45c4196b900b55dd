import type { DataContract } from '../../shared/plan/contract.ts';
import type { SeriesPayload } from '../../shared/plan/payload.ts';
import { cellShown } from './cells.ts';
import { missingIn, rangeOf } from './column-figures.ts';
import type { SiteData } from './load-site-data.ts';
import type { PayloadReport } from './payload/payload-source.ts';
import { conversionSql, conversionsInto } from './units.ts';

/** A note is written when so large a share of a column's numbers is out of range, and a conversion would mend so many of them. */
const suspiciousShare = 0.2;
const mendedShare = 0.9;
/** Series with a number out of range below which nothing is said of a unit. */
const fewestOutside = 10;

/** Whether numbers out of range would be in range after a known conversion of units. */
function unitNotes(data: SiteData, contract: DataContract): string[] {
  return contract.columns.flatMap((column, index) => {
    if (column.kind !== 'continuous' || column.summary !== undefined) return [];
    const outside = data.loaded.outOfRange.get(column.name)?.values ?? new Float64Array();
    const sound = data.table.columns[index]?.values ?? new Float64Array();
    const numbers = outside.length + sound.length - missingIn(sound);
    if (outside.length === 0 || outside.length / numbers < suspiciousShare) return [];
    const [low, high] = column.range;
    for (const conversion of conversionsInto(column)) {
      const mended = outside.filter((value) => {
        const converted = value * conversion.factor + conversion.offset;
        return converted >= low && converted <= high;
      }).length;
      if (mended / outside.length >= mendedShare) {
        return [
          `${outside.length} of ${numbers} numbers of "${column.name}" are outside ${low} to ${high} ${column.unit}; ` +
            `${mended} of them would be inside if they were in ${conversion.from}. ` +
            `If they are, write in the query: ${conversionSql(column.name, conversion)}`,
        ];
      }
    }
    return [
      `${outside.length} of ${numbers} numbers of "${column.name}" are outside ${low} to ${high} ${column.unit}: is the unit right?`,
    ];
  });
}

/** Whether the numbers of a channel that are out of range would be in range after a known conversion of units. */
function channelUnitNotes(channel: SeriesPayload['channels'][number], { outOfRange }: PayloadReport): string[] {
  const outside = outOfRange.get(channel.name) ?? new Float64Array();
  if (outside.length < fewestOutside) return [];
  const [low, high] = channel.range;
  return conversionsInto(channel)
    .flatMap((conversion) => {
      const mended = outside.filter((value) => {
        const converted = value * conversion.factor + conversion.offset;
        return converted >= low && converted <= high;
      }).length;
      return mended / outside.length < mendedShare
        ? []
        : [
            `Numbers of channel "${channel.name}" in ${outside.length} series are outside ${low} to ${high} ${channel.unit}; ` +
              `in ${mended} of them they would be inside if they were in ${conversion.from}. ` +
              `If they are, write in the series query: ${conversionSql(channel.name, conversion)}`,
          ];
    })
    .slice(0, 1);
}

/** What the series or images hold that no row asks for. */
function payloadNotes(report: PayloadReport, { payload }: DataContract): string[] {
  const notes: string[] = [];
  const { withoutRow, firstWithoutRow, beyondEnd, withoutKey } = report;
  const named = `${firstWithoutRow.map(cellShown).join(', ')}${withoutRow > firstWithoutRow.length ? ', ...' : ''}`;
  if (payload?.kind === 'images' && withoutRow > 0) {
    notes.push(
      `Image files that belong to no row of the query, have no outcome and are not read: ${withoutRow} (${named}).`,
    );
  }
  if (payload?.kind === 'series') {
    if (withoutRow > 0)
      notes.push(`Series that belong to no row of the query and are not read: ${withoutRow} (${named}).`);
    const minutes = payload.steps * payload.stepMinutes;
    if (beyondEnd > 0) {
      notes.push(`${beyondEnd} rows of the series query are at minute ${minutes} or later and are not read.`);
    }
    const { latestMinute } = report;
    // Hours for minutes would put whole days into the first step.
    if (latestMinute !== null && latestMinute < minutes / 2) {
      notes.push(
        `Nothing was measured after minute ${latestMinute} in any series, and the plan reads until minute ${minutes}: is ${payload.minute} in minutes?`,
      );
    }
    notes.push(...payload.channels.flatMap((channel) => channelUnitNotes(channel, report)));
    if (withoutKey > 0) {
      notes.push(
        `${withoutKey} rows of the series query have no ${payload.key}, belong to no series and are not read.`,
      );
    }
  }
  return notes;
}

function otherNotes(data: SiteData, contract: DataContract, nowMs: number): string[] {
  const notes: string[] = [];
  for (const [index, column] of contract.columns.entries()) {
    const values = data.table.columns[index]?.values ?? new Float64Array();
    const range = rangeOf(values);
    if (values.length === 0) continue;
    if (range === null) notes.push(`"${column.name}" is missing in every row.`);
    else if (values.length > 1 && range.least === range.largest)
      notes.push(`"${column.name}" has one value in every row.`);
  }
  const { payload, rowsWithoutOutcome } = data.loaded;
  if (rowsWithoutOutcome.length > 0) {
    notes.push(`Rows without an outcome, the first of them: ${rowsWithoutOutcome.join(', ')}.`);
  }
  if (payload !== null) notes.push(...payloadNotes(payload, contract));
  const later = data.table.times.filter((time) => time > nowMs).length;
  if (later > 0) notes.push(`${later} rows have a time in the future.`);
  return notes;
}

/** What looks wrong without breaking a rule, and what may be behind the problems. */
export function checkNotes(data: SiteData, contract: DataContract, nowMs: number): string[] {
  return [...unitNotes(data, contract), ...otherNotes(data, contract, nowMs)];
}
