import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { logistic } from '../../shared/statistics/estimate.ts';
import { readShift, type ShiftName, type ShiftSide } from '../../shared/statistics/shift-reading.ts';
import type { BenchRow } from '../support/bench.ts';

/** Patients a side. */
const patients = 2000;
const columns = 8;
const coefficients = [0.9, -0.7, 0.5, 0.4, -0.3, 0, 0, 0];
const intercept = -0.4;

/** Findings of a patient: six continuous ones, a right-skewed one and a 0/1 one. */
function findings(stream: RandomStream, shift: number): number[] {
  const shared = 0.4 * stream.normal();
  return Array.from({ length: columns }, (_, column) => {
    const value = shared + Math.sqrt(1 - 0.16) * stream.normal() + (column < 2 ? shift : 0);
    if (column === 6) return Math.exp(0.5 * value);
    return column === 7 ? Number(value > 0) : value;
  });
}

const risk = (x: readonly number[], weights: readonly number[], base: number): number =>
  logistic(base + weights.reduce((sum, weight, column) => sum + weight * (x[column] as number), 0));

/** A side whose outcomes follow from its findings; `probability` is always that of the source's model. */
function forward(
  stream: RandomStream,
  shift: number,
  weights: readonly number[],
  base: number,
  keep?: number,
): ShiftSide {
  const values = new Float64Array(patients * columns);
  const labels = new Uint8Array(patients);
  const probabilities = new Float64Array(patients);
  for (let row = 0; row < patients; ) {
    const x = findings(stream, shift);
    const label = Number(stream.uniform() < risk(x, weights, base));
    // Label shift: patients of the source's population, kept by outcome.
    if (keep !== undefined && stream.uniform() >= (label === 1 ? keep : 1)) continue;
    values.set(x, row * columns);
    labels[row] = label;
    // The model is a little off, as a model is: fewer findings, and slightly too sure.
    probabilities[row] = logistic(
      0.1 +
        1.15 * (intercept + coefficients.slice(0, 4).reduce((sum, weight, c) => sum + weight * (x[c] as number), 0)),
    );
    row++;
  }
  return { features: { rows: patients, columns, values }, labels, probabilities };
}

const planted: readonly {
  readonly name: ShiftName;
  readonly what: string;
  readonly target: (stream: RandomStream) => ShiftSide;
}[] = [
  { name: 'none', what: 'no shift', target: (stream) => forward(stream, 0, coefficients, intercept) },
  {
    name: 'covariate',
    what: 'covariate shift, two columns by .3 SD',
    target: (stream) => forward(stream, 0.3, coefficients, intercept),
  },
  {
    name: 'label',
    what: 'label shift, odds of the outcome x 0.5',
    target: (stream) => forward(stream, 0, coefficients, intercept, 0.5),
  },
  {
    name: 'concept',
    what: 'concept shift, two effects changed by .6 on the log odds',
    target: (stream) => forward(stream, 0, [0.3, -0.7, 0.5, 0.4, -0.3, 0.6, 0, 0], intercept),
  },
  {
    name: 'concept',
    what: 'concept shift, odds of every patient x 2',
    target: (stream) => forward(stream, 0, coefficients, intercept + Math.log(2)),
  },
];

/** How often a planted pure shift is named rightly, and how often none is where there is none. */
export async function section(options: {
  seeds: number;
  quick: boolean;
  progress: (text: string) => void;
}): Promise<BenchRow[]> {
  const seeds = options.quick ? Math.min(20, options.seeds) : options.seeds;
  const rows: BenchRow[] = [];
  for (const { name, what, target } of planted) {
    options.progress(`reading: ${what}, ${seeds} seeds`);
    const found = new Map<string, number>();
    for (let seed = 0; seed < seeds; seed++) {
      const stream = randomStream(seed, 'bench-reading', what);
      const reading = readShift(forward(stream, 0, coefficients, intercept), target(stream), { seed });
      const key = reading.name ?? reading.reason ?? 'undefined';
      found.set(key, (found.get(key) ?? 0) + 1);
    }
    const share = (found.get(name) ?? 0) / seeds;
    const others = [...found].filter(([key]) => key !== name).sort((a, b) => b[1] - a[1]);
    rows.push({
      case: `${what}; ${patients} patients a side, ${columns} columns`,
      figure: `named ${name}${others.length === 0 ? '' : ` (else ${others.map(([key, n]) => `${key} ${n}`).join(', ')})`}`,
      value: 100 * share,
      unit: `% of ${seeds} seeds`,
      goal: 'at least 90',
      ok: share >= 0.9,
    });
  }
  return rows;
}
