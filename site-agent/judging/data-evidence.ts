import type { DataContract } from '../../shared/plan/contract.ts';
import type { DataEvidence } from '../../shared/plan/judgement.ts';
import type { SiteTable } from '../data/site-table.ts';
import type { JudgedRows } from './judged-rows.ts';

/**
 * Whether the data can be judged on.
 *
 * @param unknownLevels by column: times of rows left out for a level the plan does not know. Where rows judge by time, those of the judged
 *   time count, beside the rows of that time in the table; else all of them, beside all rows.
 */
export function dataEvidence(
  table: SiteTable,
  contract: DataContract,
  selection: JudgedRows,
  judged: Uint32Array,
  unknownLevels: ReadonlyMap<string, ArrayLike<number>>,
  nowMs: number,
): DataEvidence {
  const { judgedFromMs, rowsInPeriod, pendingShare } = selection;
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const row of judged) {
    const time = table.times[row] as number;
    if (time > latestMs) latestMs = time;
  }
  const unseenLevels = contract.columns.flatMap(({ name }) => {
    const times = unknownLevels.get(name);
    if (times === undefined) return [];
    let rows = 0;
    for (let index = 0; index < times.length; index++) {
      const time = times[index] as number;
      if (judgedFromMs === null || (time >= judgedFromMs && time <= nowMs)) rows++;
    }
    const others = judgedFromMs === null ? table.rows : rowsInPeriod;
    return rows === 0 ? [] : [{ column: name, rows, share: rows / (rows + others) }];
  });
  return {
    unseenLevels,
    pendingShare,
    latestRowAt: Number.isFinite(latestMs) ? new Date(latestMs).toISOString() : null,
  };
}
