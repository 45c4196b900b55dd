import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { calibrate, observedExpected } from '../../shared/statistics/calibration.ts';
import { calibrationCurve } from '../../shared/statistics/calibration-curve.ts';
import { type ClosedTestStep, closedTest } from '../../shared/statistics/closed-testing.ts';
import { logistic } from '../../shared/statistics/estimate.ts';
import { priorShiftUpdate } from '../../shared/statistics/prior-shift.ts';
import { applyRecalibration } from '../../shared/statistics/recalibration.ts';
import type { Recalibration } from '../../shared/statistics/recalibration-kinds.ts';
import type { BenchRow } from '../support/bench.ts';

const alpha = 0.05;
const trainingPrevalence = 0.3;
/** Two predictors, normal in each class with equal spread, so that the posterior is logistic and a changed prevalence shifts it only. */
const distance = [0.9, 0.7] as const;
const patients = [500, 2000];

interface Scenario {
  readonly name: string;
  readonly prevalence: number;
  /** What outcomes follow of the model's log odds: logit P(y) = shift + stretch · log odds; absent where only the prevalence is planted. */
  readonly distortion?: { readonly shift: number; readonly stretch: number };
  readonly wanted: readonly ClosedTestStep[];
  readonly goal: number | null;
}

const scenarios: readonly Scenario[] = [
  {
    name: 'label shift, prevalence .30 to .15',
    prevalence: 0.15,
    wanted: ['intercept'],
    goal: 90,
  },
  {
    name: 'label shift, prevalence .30 to .50',
    prevalence: 0.5,
    wanted: ['intercept'],
    goal: 90,
  },
  { name: 'no shift', prevalence: trainingPrevalence, wanted: ['none'], goal: 90 },
  {
    name: 'slope .5',
    prevalence: trainingPrevalence,
    distortion: { shift: 0, stretch: 0.5 },
    wanted: ['logistic'],
    goal: 90,
  },
];

interface Cohort {
  readonly risks: Float64Array;
  readonly labels: Uint8Array;
}

/** Patients drawn class first, scored by the posterior at the training prevalence. */
function cohort(stream: RandomStream, n: number, { prevalence, distortion }: Scenario): Cohort {
  const risks = new Float64Array(n);
  const labels = new Uint8Array(n);
  const base = Math.log(trainingPrevalence / (1 - trainingPrevalence));
  for (let row = 0; row < n; row++) {
    const label = stream.uniform() < prevalence ? 1 : 0;
    // Log-likelihood ratio of normal(d, 1) against normal(0, 1): d·x - d²/2.
    const logOdds = distance.reduce((sum, d) => sum + d * (stream.normal() + label * d) - (d * d) / 2, base);
    risks[row] = logistic(logOdds);
    labels[row] =
      distortion === undefined
        ? label
        : Number(stream.uniform() < logistic(distortion.shift + distortion.stretch * logOdds));
  }
  return { risks, labels };
}

/** Calibration on later rows: slope and O/E intervals meet .80 to 1.25, and ICI at most .03 or no more than chance shows. */
function passes({ risks, labels }: Cohort, recalibration: Recalibration, seed: number): boolean {
  const updated = applyRecalibration(recalibration, risks);
  const { slope } = calibrate(updated, labels);
  const ratio = observedExpected(updated, labels);
  const curve = calibrationCurve(updated, labels, { method: 'spline', seed, draws: 200, points: 2 });
  const meets = ({ low, high }: { readonly low: number | null; readonly high: number | null }): boolean =>
    low !== null && high !== null && low <= 1.25 && high >= 0.8;
  const small =
    curve.ici.value !== null && curve.iciNull95 !== null && curve.ici.value <= Math.max(0.03, curve.iciNull95);
  return meets(slope) && meets(ratio) && small;
}

/** What closed testing chooses where a known cause was planted, and whether the update it chose holds on later patients. */
export async function section(options: {
  seeds: number;
  quick: boolean;
  progress: (text: string) => void;
}): Promise<BenchRow[]> {
  const seeds = options.quick ? Math.min(20, options.seeds) : options.seeds;
  const rows: BenchRow[] = [];
  for (const scenario of scenarios) {
    for (const n of patients) {
      options.progress(`ladder: ${scenario.name}, ${n} patients`);
      const chosen: Record<ClosedTestStep, number> = { none: 0, intercept: 0, logistic: 0, revision: 0 };
      let held = 0;
      let priorHeld = 0;
      for (let seed = 0; seed < seeds; seed++) {
        const stream = randomStream(seed, 'bench-ladder', scenario.name, n);
        const earlier = cohort(stream, n, scenario);
        const later = cohort(stream, n, scenario);
        const { step, recalibration } = closedTest(earlier.risks, earlier.labels, alpha);
        if (step !== null) chosen[step]++;
        if (recalibration !== null && passes(later, recalibration, seed)) held++;
        const prevalence = earlier.labels.reduce((sum, label) => sum + label, 0) / n;
        const prior = priorShiftUpdate(trainingPrevalence, prevalence).recalibration;
        if (prior !== null && passes(later, prior, seed)) priorHeld++;
      }
      const wanted = scenario.wanted.reduce((sum, step) => sum + chosen[step], 0);
      const name = `${scenario.name}; ${n} patients to update, ${n} later`;
      const share = (count: number): number => (100 * count) / seeds;
      const counts = Object.entries(chosen).flatMap(([step, count]) => (count > 0 ? [`${step} ${count}`] : []));
      rows.push({
        case: name,
        figure: `closed testing at ${alpha} chooses ${scenario.wanted.join(' or ')} (${counts.join(', ')})`,
        value: share(wanted),
        unit: `% of ${seeds} seeds`,
        ...(scenario.goal === null ? {} : { goal: `at least ${scenario.goal}`, ok: share(wanted) >= scenario.goal }),
      });
      rows.push({
        case: name,
        figure: 'its update passes the default calibration limits on the later patients',
        value: share(held),
        unit: `% of ${seeds} seeds`,
      });
      if (scenario.distortion === undefined && scenario.prevalence !== trainingPrevalence) {
        rows.push({
          case: name,
          figure: 'so does the prior-shift adjustment by the two prevalences alone',
          value: share(priorHeld),
          unit: `% of ${seeds} seeds`,
        });
      }
    }
  }
  return rows;
}
