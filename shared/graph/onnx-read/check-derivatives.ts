import type { Plan } from '../../plan/plan.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';
import { networkOf } from '../network.ts';
import { gradients } from '../reverse-mode.ts';
import { trainableOf } from '../trainable.ts';
import { lessWork, mostTrainingWorkPerRow, timesWork, tooMuchWork, workOf } from '../work.ts';
import { OnnxError } from './onnx-error.ts';

/** Rows the gradient is tried with: more than one, so that nothing of that length is taken for the rows. */
const rows = 3;

/**
 * Differentiates the plan's brought network by what the plan trains, and throws the result away, so that the author of a plan learns
 * of an operator without a derivative, or of derivatives that take too long, before any site does.
 * @throws OnnxError `unsupported_operator`, naming the operator; `over_limit`
 */
export function checkDerivatives(plan: Plan): void {
  const network = networkOf(plan);
  const { whole, adapted } = trainableOf(plan);
  const builder = new GraphBuilder('derivatives');
  const inputs = new Map(
    network.inputs.map(({ name, shape }) => [name, builder.input(`input/${name}`, 'float', [rows, ...shape])] as const),
  );
  const weights = new Map(
    network.parameters.map(({ name, shape }) => [name, builder.input(name, 'float', shape)] as const),
  );
  let drawn = 0;
  try {
    const { outputs } = network.forward({
      builder,
      inputs,
      weights,
      random: (shape) => builder.input(`random/${drawn++}`, 'float', shape),
    });
    const moving = [...weights].filter(([name]) => whole.has(name) || adapted.has(name)).map(([, value]) => value);
    gradients(builder, builder.mean(outputs), moving);
  } catch (cause) {
    if (!(cause instanceof GraphError)) throw cause;
    throw new OnnxError(
      'unsupported_operator',
      `the network cannot be trained as the plan asks: ${cause.message}`,
      cause.details,
      cause,
    );
  }
  const work = timesWork(workOf(builder.nodes), 1 / rows);
  const tooMuch = tooMuchWork(work, mostTrainingWorkPerRow);
  if (tooMuch === null) return;
  throw new OnnxError('over_limit', `the network and its derivatives take ${tooMuch}; ${lessWork}`, { ...work });
}
