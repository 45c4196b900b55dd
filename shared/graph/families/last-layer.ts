import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import type { InitialValue } from '../network-types.ts';
import { denseLayer } from './dense-layer.ts';
import { bias, type Layer, type LayerUse, weightOf } from './layer.ts';
import { outputWidth } from './output-width.ts';

/**
 * The layer that gives a network's outputs [N, outputWidth(plan)] from [N, inputs].
 * - survival: without a bias, which the partial likelihood could not tell;
 * - ordinal: one score less ordered thresholds, see `ordinalLayer`;
 * - else `NAME.weight` and `NAME.bias`.
 */
export function lastLayer(plan: Plan, name: string, inputs: number, initial: InitialValue): Layer {
  if (plan.task.kind === 'ordinal') return ordinalLayer(name, inputs, initial, outputWidth(plan));
  const biased = plan.task.kind !== 'survival';
  return denseLayer({ name, inputs, outputs: outputWidth(plan), initial, biased });
}

/**
 * Proportional odds (McCullagh 1980, Regression Models for Ordinal Data, section 2): logit P(above grade j) = score - threshold j.
 *
 * Thresholds must rise. The first is `NAME.threshold` [1]; each further one lies softplus(gap) above the one before, the gaps being
 * `NAME.gap` [K - 2]. Whatever numbers training or averaging gives these tensors, the thresholds cannot cross.
 *
 * What federated averaging does to them: it averages the tensors, not the thresholds. The first threshold of the average is the average of
 * the first thresholds. softplus is convex, so that a distance between two thresholds is at most the average of the sites' distances, and
 * close to it where the sites are close together, as they are after a round from one start. A plain mean of thresholds would be ordered
 * too; a median, a trimmed mean or a step of a server's optimiser on free thresholds would not have to be.
 *
 * All gaps start at 0, a distance of ln 2, and the first threshold so that they lie around 0.
 */
function ordinalLayer(name: string, inputs: number, initial: InitialValue, boundaries: number): Layer {
  const score = denseLayer({ name, inputs, outputs: 1, initial, biased: false });
  const start = (-(boundaries - 1) * Math.LN2) / 2;
  const first = bias(`${name}.threshold`, [1], { kind: 'constant', value: start === 0 ? 0 : start });
  const gaps = bias(`${name}.gap`, [boundaries - 1]);
  return {
    parameters: boundaries > 1 ? [...score.parameters, first, gaps] : [...score.parameters, first],
    apply: (use, value) => use.builder.sub(score.apply(use, value), thresholds(use, first.name, gaps.name, boundaries)),
  };
}

/** [1, boundaries], rising. */
function thresholds(use: LayerUse, first: string, gaps: string, boundaries: number): Value {
  const { builder } = use;
  const lowest = builder.unsqueeze(weightOf(use, first), 0);
  if (boundaries === 1) return lowest;
  const steps = builder.unsqueeze(builder.op('Softplus', [weightOf(use, gaps)]), 0);
  // Column j sums the first j gaps.
  const sums = Float32Array.from({ length: (boundaries - 1) * boundaries }, (_, at) =>
    Math.floor(at / boundaries) < at % boundaries ? 1 : 0,
  );
  return builder.add(lowest, builder.gemm(steps, builder.constant('sums', [boundaries - 1, boundaries], sums)));
}
