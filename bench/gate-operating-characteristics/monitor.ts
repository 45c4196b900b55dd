import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { cusumThreshold, runCusum } from '../../shared/statistics/cusum.ts';
import { aurocEstimate } from '../../shared/statistics/discrimination.ts';
import {
  defaultBetShares,
  defaultOddsRatios,
  runOddsEProcess,
  runSquaredErrorEProcess,
} from '../../shared/statistics/e-process.ts';
import { logistic } from '../../shared/statistics/estimate.ts';
import { applyRecalibration, fitLogisticUpdate } from '../../shared/statistics/recalibration.ts';
import { type BenchRow, median } from '../support/bench.ts';

/** All monitors together, over a lifetime. */
const alpha = 0.05;
/** What each may spend of it. */
const budget = { cusum: 0.4 * alpha, odds: 0.4 * alpha, squared: 0.2 * alpha };
const lifetimePatients = 10_000;
/** Stable patients before the odds change. */
const stablePatients = 2000;
/** Patients watched after it; a run without an alarm by then counts as longer than any other. */
const watchedPatients = 4000;
const sitePatients = 2000;
/** Added to the Brier score the model was accepted with. */
const tolerance = 0.01;
/** Share of the e-process's capital that is bet from the first patient on. */
const initialShare = 0.2;

interface Population {
  readonly mean: number;
  readonly deviation: number;
  /** Whether the goals for the delay were set for hospitals like it. */
  readonly goals: boolean;
}

/** Hospitals whose log odds of risk are normal. */
const hospitals: readonly [Population, ...Population[]] = [
  { mean: -1.45, deviation: 1.35, goals: true },
  { mean: -2.25, deviation: 1.35, goals: true },
  { mean: -3.6, deviation: 1.35, goals: false },
];

interface Hospital {
  readonly name: string;
  readonly draw: (stream: RandomStream) => number;
  readonly brier: number;
  /** Charts for doubled and halved odds, each with half of what the CUSUM may spend. */
  readonly charts: readonly { readonly oddsRatio: number; readonly threshold: number }[];
}

function hospital(mean: number, deviation: number, simulations: number): Hospital {
  const draw = (stream: RandomStream): number => logistic(mean + deviation * stream.normal());
  const stream = randomStream(1, 'bench-monitor', 'hospital', mean);
  const large = Float64Array.from({ length: 100_000 }, () => draw(stream));
  const outcomes = large.map((risk) => (stream.uniform() < risk ? 1 : 0));
  const prevalence = large.reduce((sum, risk) => sum + risk, 0) / large.length;
  const auroc = aurocEstimate(large, outcomes).value as number;
  const scores = Float64Array.from({ length: sitePatients }, () => draw(stream));
  return {
    name: `prevalence ${prevalence.toFixed(2)}, AUROC ${auroc.toFixed(2)}`,
    draw,
    brier: large.reduce((sum, risk) => sum + risk * (1 - risk), 0) / large.length,
    charts: [2, 0.5].map((oddsRatio) => {
      const options = { scores, lifetimePatients, alpha: budget.cusum / 2, oddsRatio, seed: 1, simulations };
      return { oddsRatio, threshold: cusumThreshold(options).threshold };
    }),
  };
}

/** Number of the patient at whom each monitor first alarms; null where it does not. */
function alarms({ charts, brier }: Hospital, risks: Float64Array, labels: Uint8Array) {
  const signals = charts.flatMap((chart) => runCusum(chart, risks, labels).chart.firstSignal ?? []);
  const settings = { initialShare, lifetimePatients };
  const odds = { ...settings, oddsRatios: defaultOddsRatios };
  const squared = { ...settings, acceptedLevel: brier, tolerance, betShares: defaultBetShares };
  return {
    cusum: signals.length === 0 ? null : Math.min(...signals),
    odds: runOddsEProcess(odds, risks, labels, budget.odds).firstAlarm,
    squared: runSquaredErrorEProcess(squared, risks, labels, budget.squared).firstAlarm,
  };
}

function patients({ draw }: Hospital, stream: RandomStream, oddsRatios: readonly (readonly [number, number])[]) {
  const count = oddsRatios.reduce((sum, [n]) => sum + n, 0);
  const risks = new Float64Array(count);
  const labels = new Uint8Array(count);
  let row = 0;
  for (const [n, ratio] of oddsRatios) {
    for (let patient = 0; patient < n; patient++, row++) {
      const risk = draw(stream);
      risks[row] = risk;
      labels[row] = Number(stream.uniform() < (ratio * risk) / (1 - risk + ratio * risk));
    }
  }
  return { risks, labels };
}

const monitors = [
  ['cusum', 'CUSUM, up and down, threshold from the site’s own scores', 300],
  ['odds', 'e-process on the odds, six odds ratios', 500],
  ['squared', `e-process on squared error, tolerance ${tolerance}`, null],
] as const;

/** A share of lifetimes with its Monte Carlo error; judged where it stands for the whole budget. */
function falseAlarms(name: string, count: number, seeds: number, judged: boolean): BenchRow {
  const share = count / seeds;
  const error = (100 * Math.sqrt((share * (1 - share)) / seeds)).toFixed(1);
  return {
    case: name,
    figure: `ever a false alarm (standard error ${error})`,
    value: (100 * count) / seeds,
    unit: `% of ${seeds} seeds`,
    ...(judged ? { goal: `at most ${100 * alpha}`, ok: share <= alpha } : {}),
  };
}

/** Rows a site recalibrates on before it watches. */
const recalibrationRows = 500;

/**
 * CUSUM over predictions that each site recalibrated, intercept and slope, on a sample of its own: the estimate's error is there for the
 * whole lifetime. With and without allowing for it in the threshold.
 */
function recalibrated(seeds: number, simulations: number): BenchRow[] {
  const [{ mean, deviation }] = hospitals;
  const draws = (stream: RandomStream, n: number): Float64Array =>
    Float64Array.from({ length: n }, () => logistic(mean + deviation * stream.normal()));
  const scores = draws(randomStream(1, 'bench-monitor', 'recalibrated'), sitePatients);
  const charts = [2, 0.5].map((oddsRatio) => {
    const options = { scores, lifetimePatients, alpha: alpha / 2, oddsRatio, seed: 1, simulations };
    return {
      oddsRatio,
      ignored: cusumThreshold(options).threshold,
      allowed: cusumThreshold({ ...options, recalibrationRows }).threshold,
    };
  });
  const signals = { ignored: 0, allowed: 0 };
  const delays: number[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const stream = randomStream(seed, 'bench-monitor', 'recalibrated site');
    const outcomes = (risks: Float64Array, ratio: number): Float64Array =>
      risks.map((risk) => Number(stream.uniform() < (ratio * risk) / (1 - risk + ratio * risk)));
    const reference = draws(stream, recalibrationRows);
    const { recalibration } = fitLogisticUpdate(reference, outcomes(reference, 1));
    if (recalibration === null) continue;
    const stable = draws(stream, lifetimePatients);
    const after = draws(stream, watchedPatients);
    const labels = { stable: outcomes(stable, 1), after: outcomes(after, 2) };
    const risks = {
      stable: applyRecalibration(recalibration, stable),
      after: applyRecalibration(recalibration, after),
    };
    const highest = charts.map(({ oddsRatio, ignored, allowed }) => {
      const { maximum } = runCusum({ oddsRatio, threshold: ignored }, risks.stable, labels.stable).chart;
      return { ignored: maximum > ignored, allowed: maximum > allowed };
    });
    for (const way of ['ignored', 'allowed'] as const) if (highest.some((chart) => chart[way])) signals[way]++;
    const found = charts.flatMap(({ oddsRatio, allowed }) => {
      const { chart } = runCusum({ oddsRatio, threshold: allowed }, risks.after, labels.after);
      return chart.firstSignal ?? [];
    });
    delays.push(found.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...found));
  }
  const place = `predictions recalibrated on ${recalibrationRows} rows`;
  const lifetime = `${place}, ${lifetimePatients} stable patients; CUSUM, up and down`;
  return [
    falseAlarms(`${lifetime}, threshold as if the recalibration were exact`, signals.ignored, seeds, false),
    falseAlarms(`${lifetime}, threshold that allows for its error`, signals.allowed, seeds, true),
    {
      case: `${place}, odds times 2 from the first patient; CUSUM that allows for its error`,
      figure: 'patients until found, median',
      value: Math.min(watchedPatients, median(delays)),
      unit: `patients, ${delays.length} seeds`,
    },
  ];
}

/** How often the monitor alarms though nothing changed, and how soon when the odds of the event have changed. */
export async function section(options: {
  seeds: number;
  quick: boolean;
  progress: (text: string) => void;
}): Promise<BenchRow[]> {
  const seeds = options.quick ? Math.min(40, options.seeds) : options.seeds;
  const rows: BenchRow[] = [];
  for (const { mean, deviation, goals } of hospitals) {
    options.progress(`monitor: threshold at mean log odds ${mean}`);
    const site = hospital(mean, deviation, options.quick ? 400 : 4000);
    options.progress(`monitor: ${site.name}, ${seeds} stable lifetimes`);
    const stable = Array.from({ length: seeds }, (_, seed) => {
      const stream = randomStream(seed, 'bench-monitor', 'stable', mean);
      const { risks, labels } = patients(site, stream, [[lifetimePatients, 1]]);
      return alarms(site, risks, labels);
    });
    const place = `${site.name}, ${lifetimePatients} stable patients`;
    for (const [key, name] of monitors) {
      const count = stable.filter((run) => run[key] !== null).length;
      rows.push(falseAlarms(`${place}; ${name}, at ${(100 * budget[key]).toFixed(1)}%`, count, seeds, false));
    }
    const any = stable.filter((run) => monitors.some(([key]) => run[key] !== null)).length;
    rows.push(falseAlarms(`${place}; all three under one budget`, any, seeds, true));
    for (const ratio of [2, 0.5]) {
      options.progress(`monitor: ${site.name}, odds times ${ratio}`);
      const changed = Array.from({ length: seeds }, (_, seed) => {
        const stream = randomStream(seed, 'bench-monitor', 'changed', mean, ratio);
        const { risks, labels } = patients(site, stream, [
          [stablePatients, 1],
          [watchedPatients, ratio],
        ]);
        return alarms(site, risks, labels);
      });
      for (const [key, name, goal] of monitors) {
        const delays = changed.flatMap((run) => {
          const alarm = run[key];
          if (alarm === null) return [Number.POSITIVE_INFINITY];
          return alarm <= stablePatients ? [] : [alarm - stablePatients];
        });
        const found = median(delays);
        const judged = goals && ratio === 2 && goal !== null;
        rows.push({
          case: `${site.name}, odds times ${ratio} after ${stablePatients} stable patients; ${name}`,
          figure: Number.isFinite(found)
            ? 'patients until found, median'
            : `patients until found, median: more than the ${watchedPatients} watched`,
          value: Number.isFinite(found) ? found : watchedPatients,
          unit: `patients, ${delays.length} seeds`,
          ...(judged ? { goal: `at most ${goal}`, ok: found <= goal } : {}),
        });
      }
    }
  }
  options.progress(`monitor: recalibrated on ${recalibrationRows} rows`);
  rows.push(...recalibrated(seeds, options.quick ? 400 : 4000));
  return rows;
}
