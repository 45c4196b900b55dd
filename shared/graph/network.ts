import type { Plan } from '../plan/plan.ts';
import { convolutionalNetwork } from './families/cnn.ts';
import { recurrentNetwork } from './families/gru.ts';
import { broughtNetwork } from './families/onnx-network.ts';
import { residualNetwork } from './families/resnet.ts';
import { linearNetwork, multilayerNetwork } from './families/tables.ts';
import { temporalNetwork } from './families/tcn.ts';
import { transformerNetwork } from './families/transformer.ts';
import type { Network } from './network-types.ts';

export type { Network, Parameter } from './network-types.ts';

const known = new WeakMap<Plan, Network>();

/** The network of a plan. */
export function networkOf(plan: Plan): Network {
  const made = known.get(plan) ?? makeNetwork(plan);
  known.set(plan, made);
  return made;
}

function makeNetwork(plan: Plan): Network {
  const { model } = plan;
  switch (model.family) {
    case 'logistic':
    case 'cox':
      return linearNetwork(plan);
    case 'mlp':
      return multilayerNetwork(plan, model);
    case 'tcn':
      return temporalNetwork(plan, model);
    case 'gru':
      return recurrentNetwork(plan, model);
    case 'cnn':
      return convolutionalNetwork(plan, model);
    case 'resnet':
      return residualNetwork(plan, model);
    case 'transformer':
      return transformerNetwork(plan, model);
    case 'onnx':
      return broughtNetwork(plan);
  }
}
