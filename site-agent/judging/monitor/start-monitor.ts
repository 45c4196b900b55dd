import type { Policy } from '../../../shared/plan/policy.ts';
import { permutation, randomStream } from '../../../shared/runtime/random.ts';
import type { PredictionRole, PredictionStore } from '../../data/predictions.ts';
import type { SiteTable } from '../../data/site-table.ts';
import { selectRows } from '../judged-rows.ts';
import { type Baseline, makeBaseline } from './baseline.ts';
import type { ReferenceScores } from './row-window.ts';
import { enterOutcomes, type OpenedRelease, probabilitiesOf, type ScoreNeeds, subgroupsOf } from './score-rows.ts';

/** Predictions stored in one transaction. */
const rowsAtOnce = 5000;
/** Reference predictions that estimates without outcomes are made from. */
const referenceAtMost = 20_000;

export interface StartNeeds extends Omit<ScoreNeeds, 'releases' | 'monitor' | 'holdout'> {
  readonly release: OpenedRelease;
  readonly against: Baseline['against'];
  readonly policy: Policy;
  readonly schema: Baseline['schema'];
  /** Training cut-offs of every version that was compared when the release was accepted, as the gate took them. */
  readonly cutoffs: readonly (string | null)[];
  /** When the release was accepted: rows up to then judged it. */
  readonly validatedMs: number;
  readonly revalidateDays: number;
  /** Share of patients that updated a version compared without times; 0 for none. */
  readonly updateShare: number;
}

/**
 * Makes what a release in use is measured against: scores the rows there are, gives each its part (those that judged the release are the
 * reference; those whose outcome is still open will count; all others never do), and computes the baseline. Stored in parts; carried out
 * again after a kill it ends in the same.
 * @throws JudgingError `monitor_reference`
 */
export async function startMonitor(needs: StartNeeds, table: SiteTable, signal?: AbortSignal): Promise<Baseline> {
  const { contract, predictions, release, validatedMs } = needs;
  const { cutoffs, updateShare } = needs;
  const selection = selectRows(table, contract, { cutoffs, nowMs: validatedMs, updateShare });
  const roles = new Map<number, PredictionRole>();
  for (const row of selection.judged) roles.set(row, 'reference');
  for (const row of selection.waiting) roles.set(row, 'new');
  const rows: number[] = [];
  const kept: number[] = [];
  for (let row = 0; row < table.rows; row++) {
    // Later ones are the first that are watched, and are scored like any other new row.
    if ((table.times[row] as number) > validatedMs) continue;
    rows.push(row);
    if (roles.get(row) === 'reference') kept.push(row);
  }
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    const part = Uint32Array.from(rows.slice(start, start + rowsAtOnce));
    const probabilities = await probabilitiesOf(release, table, part, signal);
    needs.transaction(() => {
      for (const [place, row] of part.entries()) {
        const time = table.times[row] as number;
        predictions.place(
          release,
          {
            patient: table.patientKeys[row] as string,
            timeMs: Number.isNaN(time) ? null : time,
            probability: probabilities[place] as number,
            role: roles.get(row) ?? 'excluded',
            subgroups: subgroupsOf(table, contract, row),
          },
          needs.nowMs,
        );
      }
      enterOutcomes(
        needs,
        Array.from(part).flatMap((row) => {
          const time = table.times[row] as number;
          return roles.get(row) !== 'reference'
            ? []
            : [
                {
                  patient: table.patientKeys[row] as string,
                  timeMs: Number.isNaN(time) ? null : time,
                  outcome: table.labels[row] as number,
                },
              ];
        }),
      );
    });
  }
  const judged = Uint32Array.from(kept);
  return makeBaseline({
    release: { version: release.version, digest: release.digest },
    against: needs.against,
    contract,
    policy: needs.policy,
    table,
    reference: judged,
    probabilities: await probabilitiesOf(release, table, judged, signal),
    schema: needs.schema,
    validatedMs,
    revalidateDays: needs.revalidateDays,
    nowMs: needs.nowMs,
  });
}

/** Reference predictions with their outcomes, a fixed sample of them where there are very many. */
export function referenceScores(
  predictions: PredictionStore,
  digest: Baseline['release']['digest'],
  outcomeOf: string,
): ReferenceScores {
  const all = predictions.reference(digest, outcomeOf);
  const rows =
    all.length <= referenceAtMost
      ? all
      : Array.from(permutation(all.length, randomStream(0, 'monitor reference')).slice(0, referenceAtMost)).map(
          (place) => all[place] as (typeof all)[number],
        );
  return {
    probabilities: Float64Array.from(rows, ({ probability }) => probability),
    labels: Float64Array.from(rows, ({ outcome }) => outcome),
  };
}
