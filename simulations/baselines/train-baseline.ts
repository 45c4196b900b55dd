import * as fedavg from '../../shared/algorithms/fedavg.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { deriveSeed } from '../../shared/runtime/random.ts';
import type { NamedTensors, Tensor } from '../../shared/tensors/tensor.ts';
import type { DesignMatrix, Trainer } from '../../site-agent/training/trainer.ts';

function added(weights: NamedTensors, delta: NamedTensors): NamedTensors {
  const sum = ([name, { shape, data }]: [string, Tensor]): [string, Tensor] => {
    const change = (delta.get(name) as Tensor).data;
    return [name, { shape, data: fedavg.finish(fedavg.apply(fedavg.init(data.length), change, 1), data) }];
  };
  return new Map([...weights].map(sum));
}

/**
 * Trains the plan's model on rows that lie in one place: the same starting weights, and as many rounds of the same work as the
 * run has, each round with a fresh optimiser and batch order. It is what a run with one site would give, to the bit.
 *
 * @param name whose batch order it has, in place of a site's name
 * @throws TrainingError, such as `no_rows` or `not_finite_delta`; the signal's reason when aborted
 */
export async function trainInOnePlace(
  input: { readonly plan: Plan; readonly data: DesignMatrix; readonly name: string },
  trainer: Trainer,
  signal: AbortSignal,
): Promise<NamedTensors> {
  const { plan, data, name } = input;
  let weights = initialWeights(plan);
  for (let round = 1; round <= plan.federation.rounds; round++) {
    const seed = deriveSeed(plan.training.seed, 'batches', round, name);
    const { delta } = await trainer.train({ plan, data, weights, seed }, signal);
    weights = added(weights, delta);
  }
  return weights;
}

/** The rows of several hospitals under each other, in the order given. */
export function stacked(matrices: readonly DesignMatrix[]): DesignMatrix {
  const [first] = matrices;
  if (first === undefined) throw new RangeError('stacked: no rows of any hospital');
  const rows = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
  const values = new Float32Array(rows * first.features);
  const labels = new Float32Array(rows);
  let at = 0;
  for (const matrix of matrices) {
    values.set(matrix.values, at * first.features);
    labels.set(matrix.labels, at);
    at += matrix.rows;
  }
  return { rows, features: first.features, values, labels };
}
