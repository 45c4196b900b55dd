import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { logistic } from '../../shared/statistics/estimate.ts';
import { type SliceColumn, sliceSearch } from '../../shared/statistics/slices.ts';
import type { BenchRow } from '../support/bench.ts';

const patients = 3000;
/** Levels of each column; the first two hold the planted slice, of 1/4 · 1/5 = 5% of the patients. */
const levels = [4, 5, 10, 10, 10, 10, 5, 3, 2, 2];

interface Cohort {
  readonly columns: readonly SliceColumn[];
  readonly errors: Float64Array;
  readonly labels: Uint8Array;
}

/** Log losses of a calibrated model, doubled where the slice is planted. */
function cohort(stream: RandomStream, planted: boolean): Cohort {
  const columns = levels.map((count, index) => ({
    name: `column ${index + 1}`,
    codes: Uint8Array.from({ length: patients }, () => stream.integer(count)),
    levels: count,
  }));
  const labels = new Uint8Array(patients);
  const errors = Float64Array.from({ length: patients }, (_, row) => {
    const risk = logistic(-0.8 + 1.2 * stream.normal());
    const event = stream.uniform() < risk;
    labels[row] = Number(event);
    const loss = -Math.log(event ? risk : 1 - risk);
    return planted && columns[0]?.codes[row] === 2 && columns[1]?.codes[row] === 3 ? 2 * loss : loss;
  });
  return { columns, errors, labels };
}

/** How often a planted failing slice is among the first three, and how often one is found where none is. */
export async function section(options: {
  seeds: number;
  quick: boolean;
  progress: (text: string) => void;
}): Promise<BenchRow[]> {
  const seeds = options.quick ? Math.min(20, options.seeds) : options.seeds;
  options.progress(`slices: planted, ${seeds} seeds`);
  let inTopThree = 0;
  let significant = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const { columns, errors, labels } = cohort(randomStream(seed, 'bench-slices', 'planted'), true);
    const { slices } = sliceSearch(columns, errors, labels);
    const place = slices.findIndex(
      ({ conditions: [first, second] }) =>
        first?.column === 0 && first.code === 2 && second?.column === 1 && second.code === 3,
    );
    if (place >= 0 && place < 3) inTopThree++;
    if (place >= 0 && (slices[place]?.adjustedP ?? 1) <= 0.1) significant++;
  }
  options.progress(`slices: none planted, ${seeds} seeds`);
  let withFalse = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const { columns, errors, labels } = cohort(randomStream(seed, 'bench-slices', 'null'), false);
    const { slices } = sliceSearch(columns, errors, labels);
    if (slices.some(({ adjustedP }) => adjustedP !== null && adjustedP <= 0.1)) withFalse++;
  }
  // At .1 false discoveries in a tenth of the nulls are expected; two standard errors more is what chance may add.
  const limit = 0.1 + 2 * Math.sqrt((0.1 * 0.9) / seeds);
  const name = `${patients} patients, ${levels.length} columns`;
  const share = (count: number): number => (100 * count) / seeds;
  return [
    {
      case: `planted slice, 5% of the patients with doubled error; ${name}`,
      figure: 'among the first three',
      value: share(inTopThree),
      unit: `% of ${seeds} seeds`,
      goal: 'at least 90',
      ok: inTopThree >= 0.9 * seeds,
    },
    {
      case: `planted slice, 5% of the patients with doubled error; ${name}`,
      figure: 'found at a false-discovery rate of .1',
      value: share(significant),
      unit: `% of ${seeds} seeds`,
    },
    {
      case: `no slice planted; ${name}`,
      figure: 'some slice found at a false-discovery rate of .1',
      value: share(withFalse),
      unit: `% of ${seeds} seeds`,
      goal: `at most ${(100 * limit).toFixed(1)}`,
      ok: withFalse <= limit * seeds,
    },
  ];
}
