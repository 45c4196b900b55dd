import { expect, it } from 'vitest';
import { modelText } from '../../../shared/packet/facts.ts';
import { modelPlan, smallModels, type TaskKind } from '../../support/model-plans.ts';

const training = { l2: 0.5, clipNorm: 2 };
const rest = 'sgd, rate 0.1, batch 32, 1 epoch a round at each hospital, L2 0.5';

it.each<readonly [string, object, TaskKind, object, string]>([
  [
    'logistic regression',
    smallModels.logistic,
    'binary',
    {},
    `binary task; logistic regression; 19 parameters, all of which train; ${rest}, gradients clipped to 2, seed 7.`,
  ],
  [
    'Cox',
    smallModels.cox,
    'survival',
    { loss: { kind: 'cox', ties: 'breslow' } },
    `survival task; Cox proportional hazards model; 18 parameters, all of which train; partial likelihood, ties after Breslow; ${rest}, gradients clipped to 2, seed 7.`,
  ],
  [
    'embeddings',
    smallModels.embedded,
    'ordinal',
    {},
    // 18 features less 3 + 1 of chest pain and 1 + 1 of sex, and 3 + 1 of the vectors: 16 · 4 + 4, tables 5 · 3 and 3 · 1, then 4 + 1 + 2.
    `ordinal task; fully connected network, hidden layers of 4, tanh, trained vectors a level: chest_pain 3, sex 1; 93 parameters, all of which train; ${rest}, gradients clipped to 2, seed 7.`,
  ],
  [
    'adapters on a transformer',
    { ...smallModels.transformer, dropout: 0.1 },
    'binary',
    { trainable: { lora: { rank: 1, on: ['*.query.weight'] } } },
    `binary task; transformer encoder, 1 block, width 8, 2 heads; reads series of 7 steps of 60 minutes: pulse (1/min), lactate (mmol/L); 630 parameters; 16 train, with adapters of rank 1 on one matrix; ${rest}, dropout 0.1, gradients clipped to 2, seed 7.`,
  ],
  [
    'images',
    smallModels.cnn,
    'multiclass',
    { loss: { kind: 'focal', gamma: 2, classWeights: [1, 2, 3] } },
    `multiclass task; convolutional network, channels 3, then layers of 4, tanh, batch normalisation; reads images of 9 × 8 pixels, in colour; 298 parameters, all of which train, and 6 running means that travel; focal loss, gamma 2, levels weighted 1, 2, 3; ${rest}, gradients clipped to 2, seed 7.`,
  ],
])('a model in words: %s', (_, model, task, more, expected) => {
  expect(modelText(modelPlan(model, task, { ...training, ...more }))).toBe(expected);
});

it('says how far back a temporal convolution sees', () => {
  // 1 + 2 · (2 - 1) · (2² - 1) = 7 of 7 steps; with one block 1 + 2 = 3.
  expect(modelText(modelPlan(smallModels.tcn))).toContain('kernel 2, elu, which sees every step;');
  expect(modelText(modelPlan({ ...smallModels.tcn, channels: [4] }))).toContain('which sees the last 3 steps;');
});
