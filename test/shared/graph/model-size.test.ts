import { expect, it } from 'vitest';
import { modelSize, modelSizeText } from '../../../shared/graph/model-size.ts';
import { modelPlan, smallModels } from '../../support/model-plans.ts';

// The heart plan encodes to 18 features.
it('counts an MLP as worked out by hand', () => {
  const plan = modelPlan({ family: 'mlp', hidden: [100], activation: 'relu' });
  // 18 · 100 + 100 + 100 · 1 + 1 = 2001, four bytes each.
  expect(modelSize(plan)).toEqual({
    parameters: 2001,
    trained: 2001,
    buffers: 0,
    adapters: null,
    tensors: 4,
    bytesEachWay: 8004,
  });
  expect(modelSizeText(plan)).toBe('2,001 parameters, all of which train; 8.0 KB each way a round and site');
});

it('counts what trains and what travels apart', () => {
  const plan = modelPlan({ family: 'mlp', hidden: [100], activation: 'relu' }, 'binary', { trainable: 'last-layer' });
  expect(modelSizeText(plan)).toBe('2,001 parameters, of which 101 train (5 %); 404 bytes each way a round and site');
});

it('counts adapters', () => {
  const plan = modelPlan({ family: 'mlp', hidden: [100], activation: 'relu' }, 'binary', {
    trainable: { lora: { rank: 2, and: ['layer2.*'] } },
  });
  // 2 · (18 + 100) + 101 = 337
  expect(modelSize(plan)).toEqual({
    parameters: 2001,
    trained: 337,
    buffers: 0,
    adapters: { matrices: 1, rank: 2 },
    tensors: 4,
    bytesEachWay: 1348,
  });
  expect(modelSizeText(plan)).toBe(
    '2,001 parameters; 337 train, with adapters of rank 2 on one matrix; 1.3 KB each way a round and site',
  );
});

it('counts running means apart', () => {
  const plan = modelPlan(smallModels.cnn);
  // 3 · 3 · 3 · 3 = 81, scale and shift 6, mean and variance 6, hidden 3 · 4 · 4 · 4 + 4 = 196, last 5
  expect(modelSize(plan)).toMatchObject({ parameters: 294, trained: 288, buffers: 6, bytesEachWay: 1176 });
  expect(modelSizeText(plan)).toBe(
    '288 parameters, all of which train, and 6 running means that travel; 1.2 KB each way a round and site',
  );
});
