import type { DataContract } from './contract.ts';
import { type Finding, orderedRange, type Path, repeated } from './finding.ts';
import type { ImagePayload, SeriesPayload, SummarySpec } from './payload.ts';

const base: Path = ['data', 'payload'];
/** Taken of single values in time, which an image has not. */
const overTime: ReadonlySet<SummarySpec['by']> = new Set(['first', 'last', 'count'] as const);

function seriesFindings({ channels, key, minute }: SeriesPayload): Finding[] {
  const findings = repeated(
    channels.map(({ name }) => name),
    [...base, 'channels'],
    'the channel',
    { key: 'name', formOf: (name) => name.toLowerCase() },
  );
  if (key.toLowerCase() === minute.toLowerCase()) {
    findings.push({ path: [...base, 'minute'], message: `the key and the minute are the same column ${minute}` });
  }
  channels.forEach(({ name, range, normal }, at) => {
    const path: Path = [...base, 'channels', at];
    for (const [role, other] of [
      ['key', key],
      ['minute', minute],
    ] as const) {
      if (name.toLowerCase() === other.toLowerCase()) {
        findings.push({ path: [...path, 'name'], message: `the channel ${name} is also the ${role} of the series` });
      }
    }
    const order = orderedRange(range, [...path, 'range']);
    findings.push(...order);
    if (order.length === 0 && (normal < range[0] || normal > range[1])) {
      findings.push({
        path: [...path, 'normal'],
        message: `the value ${normal} of channel ${name} must lie in its range [${range[0]}, ${range[1]}]`,
      });
    }
  });
  return findings;
}

function imageFindings({ channels, mean, scale }: ImagePayload): Finding[] {
  return (
    [
      ['mean', mean],
      ['scale', scale],
    ] as const
  ).flatMap(([key, numbers]) =>
    numbers.length === channels
      ? []
      : [
          {
            path: [...base, key],
            message: `${channels === 1 ? 'a grey image needs 1 number' : `${channels} channels need ${channels} numbers`}; found ${numbers.length}`,
          },
        ],
  );
}

function summaryFindings({ columns, payload }: DataContract): Finding[] {
  return columns.flatMap((column, at): Finding[] => {
    if (column.kind !== 'continuous' || column.summary === undefined) return [];
    const path: Path = ['data', 'columns', at, 'summary'];
    const { channel, by } = column.summary;
    if (payload === undefined) {
      return [{ path, message: `column ${column.name} is computed from a payload, and data.payload is not given` }];
    }
    if (payload.kind === 'images') {
      const findings: Finding[] = [];
      if (typeof channel !== 'number' || channel >= payload.channels) {
        findings.push({
          path: [...path, 'channel'],
          message: `the channel of an image is a number from 0 to ${payload.channels - 1}; found ${channel}`,
        });
      }
      if (overTime.has(by)) {
        findings.push({ path: [...path, 'by'], message: `${by} is of a series; an image has no time` });
      }
      return findings;
    }
    const named = payload.channels.find(({ name }) => name === channel);
    if (named === undefined) {
      const names = payload.channels.map(({ name }) => name).join(', ');
      return [{ path: [...path, 'channel'], message: `there is no channel ${channel}; there are: ${names}` }];
    }
    return by === 'count' || named.unit === column.unit
      ? []
      : [
          {
            path: ['data', 'columns', at, 'unit'],
            message: `column ${column.name} is computed from channel ${named.name}, which is in ${named.unit}, not ${column.unit}`,
          },
        ];
  });
}

/** What contradicts itself in a contract's payload and the columns computed from it. */
export function payloadFindings(contract: DataContract): Finding[] {
  const { payload } = contract;
  const own = payload === undefined ? [] : payload.kind === 'series' ? seriesFindings(payload) : imageFindings(payload);
  return [...own, ...summaryFindings(contract)];
}
