import { frozenParameters, trainedParameters } from '../../shared/graph/adapters.ts';
import { buildTrainingStep, type TrainingStep } from '../../shared/graph/training/training-step.ts';
import {
  forwardWork,
  mostTrainingWorkPerRow,
  mostWorkPerRow,
  timesWork,
  tooMuchWork,
  type Work,
  workOf,
} from '../../shared/graph/work.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { machineMemoryBytes } from '../../shared/runtime/machine-memory.ts';
import { graphCost } from './graph-cost.ts';
import { whyWhole } from './step-plan.ts';
import { TrainingError } from './training-error.ts';

const megabyte = 1024 ** 2;
/** What is left to the system, the rows and everything else when nobody says how much memory training may have. */
const usualShare = 0.75;

/** Memory that training may have when the site names none: three quarters of the machine's, or of what the process is confined to. */
export function usualMemoryMegabytes(): number {
  return Math.floor((machineMemoryBytes() * usualShare) / megabyte);
}

/**
 * Most operators of a training step. onnxruntime prepares so many in some seconds on the CPU, see `optimisationLevel`, and in minutes on a GPU; more
 * take it ever longer for each, all the more where one value is used by most of them, and it cannot be broken off meanwhile.
 */
const mostOperators = 32_000;

const valuesOf = (tensors: readonly { readonly shape: readonly number[] }[]): number =>
  tensors.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);

/**
 * Bytes without which a plan cannot be trained on the CPU, read off its graphs with nothing allocated: the weights as they came, as they are
 * and as they become, the optimiser's state before and after a step, what stays as it is, and the values of a step on the fewest rows it may
 * be cut to. The libraries and the site's rows come on top.
 *
 * @param batch rows of a batch
 */
export function leastTrainingBytes(plan: Plan, batch: number): number {
  return bytesOf(plan, leastStep(plan, batch));
}

const leastStep = (plan: Plan, batch: number): TrainingStep =>
  buildTrainingStep(plan, { rows: whyWhole(plan) === null ? 1 : batch });

function bytesOf(plan: Plan, step: TrainingStep): number {
  const travelling = valuesOf(trainedParameters(plan));
  const frozen = valuesOf(frozenParameters(plan));
  const { peakBytes } = graphCost(step.graph);
  return 4 * (3 * travelling + 2 * valuesOf(step.slots) + frozen) + peakBytes;
}

/**
 * Multiply-adds of a round of so many steps, read off the graphs of its steps.
 * @param batch rows of a step
 */
export function roundMultiplyAdds(plan: Plan, batch: number, steps: number): number {
  const at = (rows: number): number => workOf(buildTrainingStep(plan, { rows }).graph.nodes).multiplyAdds;
  if (batch <= 2 || whyWhole(plan) !== null) return steps * at(batch);
  const one = at(1);
  return steps * (one + (batch - 1) * (at(2) - one));
}

function refuseWork(work: Work, most: Work, of: string): void {
  const tooMuch = tooMuchWork(work, most);
  if (tooMuch === null) return;
  throw new TrainingError(
    'plan_too_large',
    `${of} takes ${tooMuch}: a round would not end; ask the consortium for a model with less to compute, for smaller images or shorter series`,
    { ...work },
  );
}

/**
 * Refuses a plan that would take more memory than the site gives to training, before its weights are fetched or made: the system would end
 * the agent in the middle of the round. Refuses one of more operators than a runtime prepares in minutes, and one of more work a row than any
 * round has time for.
 * @param limitMegabytes `trainingMemoryMegabytes` of site.yaml; the usual when undefined
 * @throws TrainingError `plan_too_large`
 */
export function checkTrainingMemory(plan: Plan, batch: number, limitMegabytes = usualMemoryMegabytes()): void {
  refuseWork(forwardWork(plan), mostWorkPerRow, 'the network of this plan');
  const step = leastStep(plan, batch);
  const operators = step.graph.nodes.length;
  if (operators > mostOperators) {
    throw new TrainingError(
      'plan_too_large',
      `a training step of this plan has ${operators.toLocaleString('en-GB')} operators, and the most is ${mostOperators.toLocaleString('en-GB')}: a runtime would take hours to prepare it; ask the consortium for a network of fewer operators, or for fewer steps of its series`,
      { operators, mostOperators },
    );
  }
  const rows = step.labels.shape[0] as number;
  refuseWork(timesWork(workOf(step.graph.nodes), 1 / rows), mostTrainingWorkPerRow, 'a training step of this plan');
  const needed = Math.ceil(bytesOf(plan, step) / megabyte);
  if (needed <= limitMegabytes) return;
  throw new TrainingError(
    'plan_too_large',
    `training this plan takes at least ${needed.toLocaleString('en-GB')} MB of memory, and this site gives it ${limitMegabytes.toLocaleString('en-GB')} MB; raise trainingMemoryMegabytes in site.yaml where the machine has more, or ask the consortium for a smaller model`,
    { neededMegabytes: needed, limitMegabytes },
  );
}
