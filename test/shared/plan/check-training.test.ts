import { describe, expect, it } from 'vitest';
import { trainingFindings } from '../../../shared/plan/check-training.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import { modelPlan, smallModels, type TaskKind } from '../../support/model-plans.ts';

function findings(plan: Plan, training: object): string[] {
  return trainingFindings({ ...plan, training: { ...plan.training, ...training } }).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );
}

const sgd = { kind: 'sgd', rate: 0.1, momentum: 0, nesterov: true };

describe('training that contradicts the task, the model or itself', () => {
  it.each<[TaskKind, object, string]>([
    [
      'regression',
      { kind: 'cross-entropy' },
      'training.loss.kind: cross-entropy is not a loss of a regression task; choose squared or huber, or leave the loss out',
    ],
    [
      'binary',
      { kind: 'ordinal' },
      'training.loss.kind: ordinal is not a loss of a binary task; choose cross-entropy or focal, or leave the loss out',
    ],
    [
      'survival',
      { kind: 'focal', gamma: 2 },
      'training.loss.kind: focal is not a loss of a survival task; choose cox, or leave the loss out',
    ],
    [
      'multiclass',
      { kind: 'focal', gamma: 2, classWeights: [1, 2] },
      "training.loss.classWeights: 2 weights for the label's 3 levels; give one a level, in their order",
    ],
  ])('%s, %j', (task, loss, message) => {
    expect(findings(modelPlan(smallModels.mlp, task), { loss })).toEqual([message]);
  });

  it.each([
    [
      'nesterov without momentum',
      { optimiser: sgd },
      'training.optimiser.nesterov: without momentum there is none to come: give a momentum such as 0.9, or leave nesterov out',
    ],
    [
      'a warmup as long as the schedule',
      { schedule: { kind: 'cosine', per: 'step', over: 5, lowest: 0, warmup: 5 } },
      'training.schedule.warmup: the rate would still rise at count 5, where it is to be lowest; give a warmup below over, found 5',
    ],
  ])('%s', (_, training, message) => {
    expect(findings(modelPlan(smallModels.mlp), training)).toEqual([message]);
  });

  it('rows that have no gradients of their own', () => {
    expect(findings(modelPlan(smallModels.cox, 'survival'), { perExampleClip: 1 })).toEqual([
      "training.perExampleClip: Cox's partial likelihood compares each row with the others of its batch, so no row has a gradient of its own that could be clipped",
    ]);
    expect(findings(modelPlan(smallModels.cnn), { perExampleClip: 1 })).toEqual([
      'training.perExampleClip: BatchNormalization takes statistics over the rows of a batch, so no row has a gradient of its own that could be clipped',
    ]);
  });

  it('what fits is left alone', () => {
    const plan = modelPlan(smallModels.mlp, 'multiclass');
    const loss = { kind: 'cross-entropy', classWeights: [1, 2, 3], smoothing: 0.1 };
    const schedule = { kind: 'linear', per: 'round', over: 5, lowest: 0, warmup: 4 };
    const optimiser = { ...sgd, momentum: 0.9 };
    expect(findings(plan, { loss, schedule, perExampleClip: 1, precision: 'mixed', optimiser })).toEqual([]);
  });
});
