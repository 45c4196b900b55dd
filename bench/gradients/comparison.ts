import type { Dimension, Graph, Value } from '../../shared/graph/graph.ts';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { gradients } from '../../shared/graph/reverse-mode.ts';
import { type RandomStream, randomStream } from '../../shared/runtime/random.ts';
import { caseUse, type GradientCase, rowsOfCases } from './case.ts';
import { evaluateGraph, type Float64Tensor } from './evaluator.ts';
import { runOnnx } from './onnx-run.ts';

type Tensors = Readonly<Record<string, Float64Tensor>>;

/** Gradients of a graph's output `loss` by the named inputs, in float32. */
export type OtherGradients = (graph: Graph, inputs: Tensors, names: readonly string[]) => readonly Float32Array[];

/** How far the gradients of one case are from others. In float32 a distance is relative to the largest number of the tensor, or to 1 where all are smaller. */
export interface GradientComparison {
  /** Derived gradients in float64 against central differences, relative to the largest number of the tensor. */
  readonly centralDifferences: number;
  /** onnxruntime's float32 results against the evaluator's float64 ones. */
  readonly onnxForward: number;
  /** onnxruntime's float32 gradients against the derived ones in float64. */
  readonly onnxGradient: number;
  /** What tensorflow.js derives itself, in float32, against the derived gradients in float64; null where it was not asked. */
  readonly tfjs: number | null;
}

function draw(shape: readonly Dimension[], stream: RandomStream, one: (stream: RandomStream) => number): Float64Tensor {
  const lengths = shape.map((length) => (typeof length === 'number' ? length : rowsOfCases));
  const size = lengths.reduce((product, length) => product * length, 1);
  // Numbers that float32 holds exactly, so that every evaluation sees the same.
  return { shape: lengths, data: Float64Array.from({ length: size }, () => Math.fround(one(stream))) };
}

/**
 * The case with a loss, Σ r (r w + v) over its results r with drawn w and v, so that every element has a gradient of its own.
 * Inputs `input/K` and `weight/K`; outputs `loss`, `result/K` and, with `differentiated`, `gradient/K`.
 */
export function caseGraph(one: GradientCase, type: 'float' | 'double', differentiated: boolean): Graph {
  const b = new GraphBuilder('case');
  const inputs = one.inputs.map(({ shape }, index) => b.input(`input/${index}`, type, shape));
  const applied = one.apply(caseUse(b, inputs));
  const results = Array.isArray(applied) ? (applied as readonly Value[]) : [applied as Value];
  const parts = results.map((result, index) => {
    const weight = b.input(`weight/${index}`, type, result.shape);
    const other = b.input(`other/${index}`, type, result.shape);
    return b.sum(b.mul(result, b.add(b.mul(result, weight), other)));
  });
  const total = parts.reduce(b.add);
  const loss = type === 'float' ? total : b.cast(total, 'float');
  b.output('loss', loss);
  for (const [index, result] of results.entries()) b.output(`result/${index}`, result);
  if (differentiated) {
    for (const [index, gradient] of gradients(b, loss, inputs).entries()) b.output(`gradient/${index}`, gradient);
  }
  return b.finish();
}

/** Numbers for every input of the case's graph, from a seed. */
export function drawInputs(one: GradientCase, graph: Graph, seed: number): Tensors {
  const stream = randomStream(seed, one.operator, one.title);
  return Object.fromEntries(
    graph.inputs.map(({ name, shape }, index) => [
      name,
      draw(shape, stream, one.inputs[index]?.draw ?? ((own) => own.normal())),
    ]),
  );
}

/** Largest distance of two tensors relative to the largest number of `expected`, or to `least` where that is larger. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>, least: number): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let apart = 0;
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [found[index] as number, expected[index] as number];
    largest = Math.max(largest, Math.abs(b));
    const distance = Math.abs(a - b);
    // A number that is none is as far away as can be.
    apart = Math.max(apart, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
  }
  const scale = Math.max(largest, least);
  return apart / (scale === 0 ? 1 : scale);
}

/** Derivative of the loss by every element of an input: (f(x + h) - f(x - h)) / 2h with h = 1e-5, so an error of about 1e-10. */
function centralDifferences(forward: Graph, inputs: Tensors, name: string): Float64Array {
  const step = 1e-5;
  const { shape, data } = inputs[name] as Float64Tensor;
  const lossWith = (index: number, by: number): number => {
    const moved = data.slice();
    moved[index] = (moved[index] as number) + by;
    return evaluateGraph(forward, { ...inputs, [name]: { shape, data: moved } }).loss?.data[0] as number;
  };
  return data.map((_, index) => (lossWith(index, step) - lossWith(index, -step)) / (2 * step));
}

/** @param tfjs differentiates a forward graph in another way, to compare with too */
export async function compareGradients(
  one: GradientCase,
  seed: number,
  tfjs?: OtherGradients,
): Promise<GradientComparison> {
  const forward = caseGraph(one, 'double', false);
  const inputs = drawInputs(one, forward, seed);
  const exact = evaluateGraph(caseGraph(one, 'double', true), inputs);
  const single = await runOnnx(caseGraph(one, 'float', true), inputs);
  const names = one.inputs.map((_, index) => index);
  const worst = (distances: readonly number[]): number => Math.max(0, ...distances);
  const from = (name: string): number => relativeDifference(single[name] ?? [], exact[name]?.data ?? [], 1);
  for (const index of names) {
    const [gradient, input] = [exact[`gradient/${index}`], inputs[`input/${index}`]];
    if (gradient?.shape.join() !== input?.shape.join()) {
      throw new Error(`${one.operator}, ${one.title}: a gradient [${gradient?.shape}] for an input [${input?.shape}]`);
    }
  }
  return {
    centralDifferences: worst(
      names.map((index) =>
        relativeDifference(
          exact[`gradient/${index}`]?.data ?? [],
          centralDifferences(forward, inputs, `input/${index}`),
          0,
        ),
      ),
    ),
    onnxForward: worst(
      Object.keys(exact)
        .filter((name) => name.startsWith('result/'))
        .map(from),
    ),
    onnxGradient: worst(names.map((index) => from(`gradient/${index}`))),
    tfjs:
      tfjs === undefined || one.notInTfjs !== undefined
        ? null
        : worst(
            tfjs(
              caseGraph(one, 'float', false),
              inputs,
              names.map((index) => `input/${index}`),
            ).map((found, index) => relativeDifference(found, exact[`gradient/${index}`]?.data ?? [], 1)),
          ),
  };
}
