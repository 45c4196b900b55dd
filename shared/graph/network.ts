import type { Plan } from '../plan/plan.ts';
import { denseNetwork } from './families/dense.ts';
import { GraphError } from './graph-error.ts';
import type { Network } from './network-types.ts';

export type { ForwardUse, InitialValue, Network, NetworkInput, Parameter } from './network-types.ts';

const known = new WeakMap<Plan, Network>();

/** The network of a plan. */
export function networkOf(plan: Plan): Network {
  const made = known.get(plan) ?? makeNetwork(plan);
  known.set(plan, made);
  return made;
}

function makeNetwork(plan: Plan): Network {
  switch (plan.model.family) {
    case 'logistic':
    case 'cox':
    case 'mlp':
      return denseNetwork(plan);
    default:
      throw new GraphError('unknown_operator', `no network of the family ${plan.model.family} can be built`);
  }
}
