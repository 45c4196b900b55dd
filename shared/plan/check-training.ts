import { networkOf } from '../graph/network.ts';
import { WardroundError } from '../runtime/errors.ts';
import type { Finding } from './finding.ts';
import type { Plan } from './plan.ts';
import type { TrainingSpec } from './training.ts';

type LossKind = NonNullable<TrainingSpec['loss']>['kind'];

const lossesOf: Readonly<Record<Plan['task']['kind'], readonly LossKind[]>> = {
  binary: ['cross-entropy', 'focal'],
  multiclass: ['cross-entropy', 'focal'],
  ordinal: ['ordinal'],
  regression: ['squared', 'huber'],
  survival: ['cox'],
};

function lossFindings({ task, data, training: { loss } }: Plan): Finding[] {
  if (loss === undefined) return [];
  const fitting = lossesOf[task.kind];
  if (!fitting.includes(loss.kind)) {
    return [
      {
        path: ['training', 'loss', 'kind'],
        message: `${loss.kind} is not a loss of a ${task.kind} task; choose ${fitting.join(' or ')}, or leave the loss out`,
      },
    ];
  }
  if (!('classWeights' in loss) || loss.classWeights === undefined || !('levels' in data.label)) return [];
  const levels = data.label.levels.length;
  return loss.classWeights.length === levels
    ? []
    : [
        {
          path: ['training', 'loss', 'classWeights'],
          message: `${loss.classWeights.length} weights for the label's ${levels} levels; give one a level, in their order`,
        },
      ];
}

function optimiserFindings({ optimiser }: TrainingSpec): Finding[] {
  return optimiser.kind === 'sgd' && optimiser.nesterov === true && optimiser.momentum === 0
    ? [
        {
          path: ['training', 'optimiser', 'nesterov'],
          message: 'without momentum there is none to come: give a momentum such as 0.9, or leave nesterov out',
        },
      ]
    : [];
}

function scheduleFindings({ schedule }: TrainingSpec): Finding[] {
  return schedule !== undefined && 'warmup' in schedule && schedule.warmup >= schedule.over
    ? [
        {
          path: ['training', 'schedule', 'warmup'],
          message: `the rate would still rise at count ${schedule.over}, where it is to be lowest; give a warmup below over, found ${schedule.warmup}`,
        },
      ]
    : [];
}

/** What makes a row's loss depend on the other rows of its batch, in words; null when nothing does. */
function rowMixer(plan: Plan): string | null {
  if (plan.task.kind === 'survival') return "Cox's partial likelihood compares each row with the others of its batch";
  if (plan.model.family === 'onnx' && plan.model.network === undefined) return null;
  try {
    const { mixesRows } = networkOf(plan);
    return mixesRows === null ? null : `${mixesRows} takes statistics over the rows of a batch`;
  } catch (cause) {
    // A model that cannot be built is reported with the model.
    if (cause instanceof WardroundError) return null;
    throw cause;
  }
}

function clipFindings(plan: Plan): Finding[] {
  if (plan.training.perExampleClip === undefined) return [];
  const path = ['training', 'perExampleClip'];
  const mixer = rowMixer(plan);
  return mixer === null
    ? []
    : [{ path, message: `${mixer}, so no row has a gradient of its own that could be clipped` }];
}

/** Everything in the training that contradicts the task, the model or itself. */
export function trainingFindings(plan: Plan): Finding[] {
  return [
    ...lossFindings(plan),
    ...optimiserFindings(plan.training),
    ...scheduleFindings(plan.training),
    ...clipFindings(plan),
  ];
}
