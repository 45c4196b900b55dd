import { silentLogger } from '../shared/runtime/logger.ts';
import { openTfjsBackend } from '../site-agent/training/tfjs-backends.ts';
import { gradientCases } from './gradients/cases.ts';
import { compareGradients, type GradientComparison, type OtherGradients } from './gradients/comparison.ts';
import { randomCases, randomOperators } from './gradients/random-cases.ts';
import { tfjsGradients } from './gradients/tfjs-run.ts';
import type { BenchOptions, BenchRow } from './support/bench.ts';

export const title =
  'Gradients of every operator: central differences in float64, onnxruntime and tensorflow.js in float32';

/** The largest differences allowed: float64 against an error of about 1e-9 of the differences, float32 against its own rounding. */
const bounds = { centralDifferences: 1e-7, onnxGradient: 1e-5, tfjs: 1e-5 };

/** A row with its figures as numbers. */
interface GradientRow extends BenchRow {
  readonly cases: number;
  readonly centralDifferences: number;
  readonly onnxruntime: number;
  /** Over the cases that tensorflow.js can differentiate; null where there is none. */
  readonly tfjs: number | null;
  /** Why cases were not compared with tensorflow.js. */
  readonly notInTfjs: readonly string[];
}

const written = (value: number | null): string => (value === null ? 'none' : value.toExponential(1));

function rowOf(
  operator: string,
  found: readonly GradientComparison[],
  reasons: readonly string[],
  cases: number,
): GradientRow {
  const largest = (values: readonly number[]): number => Math.max(0, ...values);
  const centralDifferences = largest(found.map((one) => one.centralDifferences));
  const onnxruntime = largest(found.map((one) => one.onnxGradient));
  const compared = found.flatMap(({ tfjs }) => (tfjs === null ? [] : [tfjs]));
  const tfjs = compared.length === 0 ? null : largest(compared);
  const value = Math.max(
    centralDifferences / bounds.centralDifferences,
    onnxruntime / bounds.onnxGradient,
    (tfjs ?? 0) / bounds.tfjs,
  );
  return {
    case: operator,
    figure: `${String(cases).padStart(2)} cases, central ${written(centralDifferences)}, onnx ${written(onnxruntime)}, tfjs ${written(tfjs)}`,
    value,
    unit: 'of bounds',
    goal: 'at most 1',
    ok: value <= 1,
    cases,
    centralDifferences,
    onnxruntime,
    tfjs,
    notInTfjs: reasons,
  };
}

/**
 * Every case of every operator with a derivative, of chosen and of random shapes, its numbers drawn from seeds 1, 2 and 3: the derived gradient in float64 against
 * central differences, the same graph in onnxruntime, and the gradient tensorflow.js derives from the forward graph alone.
 */
export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const backend = await openTfjsBackend(silentLogger, 'cpu');
  backend.activate();
  const byTfjs: OtherGradients = (...use) => tfjsGradients(backend.library, ...use);
  const seeds = options.quick ? [1] : [1, 2, 3];
  const operators = [...new Set(gradientCases.map(({ operator }) => operator))].sort();
  const rows: GradientRow[] = [];
  for (const operator of operators) {
    options.progress(operator);
    const random = randomOperators.includes(operator) ? randomCases(operator, options.quick ? 3 : 10, 1) : [];
    const cases = [...gradientCases.filter((one) => one.operator === operator), ...random];
    const found: GradientComparison[] = [];
    for (const one of cases) {
      for (const seed of seeds) found.push(await compareGradients(one, seed, byTfjs));
    }
    const reasons = cases.flatMap((one) => (one.notInTfjs === undefined ? [] : [`${one.title}: ${one.notInTfjs}`]));
    rows.push(rowOf(operator, found, reasons, cases.length));
  }
  return rows;
}
