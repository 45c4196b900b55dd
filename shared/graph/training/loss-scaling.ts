import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { FedTensor } from './feeds.ts';

/**
 * The number that the loss is multiplied by before its gradients are taken in float16, and that they are divided by after, so that small ones do not
 * vanish (Micikevicius et al. 2018, section 3.2). A scalar of each step, like the rate: who leads the steps chooses it. A power of two, so that
 * scaling rounds nothing.
 */
export const lossScale: FedTensor = { name: 'scaling/scale', shape: [] };

/** Output of a graph with a loss scale: 0 where every gradient is a finite number, else NaN, and then the other outputs are to be thrown away. */
export const overflowName = 'overflow';

/** Makes `overflow` an output. What it is compared with is left to the reader: shaders may take for granted that there is no NaN. */
export function outputOverflow(b: GraphBuilder, gradients: readonly Value[]): void {
  const zero = b.scalar(0);
  // An infinite number or NaN times zero is NaN.
  const parts = gradients.map((gradient) => b.sum(b.mul(gradient, zero)));
  b.output(overflowName, parts.length === 0 ? zero : parts.reduce(b.add));
}
