import type { Plan } from '../plan/plan.ts';
import { randomStream } from '../runtime/random.ts';
import type { Tensor } from '../tensors/tensor.ts';
import type { Parameter } from './network-types.ts';

/** One tensor as it is in round 0, drawn from the plan's seed by a stream of its own: the same on every machine. */
export function drawParameter(plan: Plan, { name, shape, initial }: Parameter): Tensor {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (initial.kind === 'constant') data.fill(initial.value);
  if (initial.kind === 'uniform' || initial.kind === 'normal') {
    const stream = randomStream(plan.training.seed, 'weights', name);
    for (let index = 0; index < data.length; index++) {
      data[index] =
        initial.kind === 'uniform' ? (2 * stream.uniform() - 1) * initial.limit : stream.normal() * initial.deviation;
    }
  }
  return { shape, data };
}
