import { dirname, resolve } from 'node:path';
import type { DataContract } from '../../shared/plan/contract.ts';
import { cellShown, cellText, cellTimeMs, isMissing } from './cells.ts';
import { inputSql } from './input-file.ts';
import { locateColumns } from './locate-columns.ts';
import type { Outcome } from './predictions.ts';
import { ProblemCollector, type ProblemReport } from './problems.ts';
import { runQuery } from './query.ts';
import { labelReader } from './readers.ts';

export interface OutcomeFile {
  readonly rowsRead: number;
  /** Rows without an outcome yet. */
  readonly unknown: number;
  readonly problems: ProblemReport;
}

/**
 * Reads outcomes from a file with patient key, time of prediction (where the plan has one) and outcome, under the plan's names, and
 * hands them on block by block.
 * @throws DataError
 */
export async function readOutcomeFile(
  path: string,
  contract: DataContract,
  take: (outcomes: readonly Outcome[]) => void,
  signal?: AbortSignal,
): Promise<OutcomeFile> {
  const full = resolve(path);
  const readLabel = labelReader(contract);
  const problems = new ProblemCollector();
  const wanted = [contract.patientKey, contract.label.name, ...(contract.time === null ? [] : [contract.time])];
  let located: ReadonlyMap<string, number> = new Map();
  let rowsRead = 0;
  let unknown = 0;
  await runQuery(
    dirname(full),
    inputSql(full),
    { memoryMegabytes: 1024, threads: 1 },
    (names) => {
      located = locateColumns(names, wanted, { file: path });
    },
    (block) => {
      const outcomes: Outcome[] = [];
      const cellsOf = (name: string): readonly unknown[] => block.values[located.get(name) as number] ?? [];
      for (let row = 0; row < block.rows; row++) {
        rowsRead++;
        const keyCell = cellsOf(contract.patientKey)[row];
        const patient = isMissing(keyCell) ? undefined : cellText(keyCell);
        if (patient === undefined) {
          problems.add(rowsRead, contract.patientKey, 'key_missing', cellShown(keyCell));
          continue;
        }
        let timeMs: number | null = null;
        if (contract.time !== null) {
          const timeCell = cellsOf(contract.time)[row];
          const time = isMissing(timeCell) ? undefined : cellTimeMs(timeCell);
          if (time === undefined) {
            const rule = isMissing(timeCell) ? 'time_missing' : 'time_invalid';
            problems.add(rowsRead, contract.time, rule, cellShown(timeCell));
            continue;
          }
          timeMs = time;
        }
        const labelCell = cellsOf(contract.label.name)[row];
        const reading = readLabel(labelCell);
        if ('rule' in reading) problems.add(rowsRead, contract.label.name, reading.rule, cellShown(labelCell));
        else if (Number.isNaN(reading.value)) unknown++;
        else outcomes.push({ patient, timeMs, outcome: reading.value });
      }
      take(outcomes);
    },
    signal,
  );
  return { rowsRead, unknown, problems: problems.report() };
}
