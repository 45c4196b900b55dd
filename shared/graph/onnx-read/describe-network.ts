import type { NetworkSpec } from '../../plan/network.ts';
import { differentiableOperators } from '../vector-jacobian.ts';
import { isRecurrent } from './composites.ts';

/** A network in words: what it reads, of which operators it is made, what was changed when the file was read. */
export interface NetworkText {
  /** Such as `payload [48, 5]`. */
  readonly inputs: string;
  /** Such as `Gemm 3, Relu 2`, by name. */
  readonly operators: string;
  /** Operators without a derivative that is of any use, such as comparisons; null when there are none. */
  readonly withoutDerivative: string | null;
  readonly tensors: string;
  readonly source: string;
  readonly changes: readonly string[];
}

function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

export function describeNetwork(network: NetworkSpec): NetworkText {
  const { inputs, nodes, parameters, source, changes } = network;
  const known = new Set(differentiableOperators());
  const without = nodes.filter(({ operator }) => !known.has(operator) && !isRecurrent(operator));
  const roles = (role: string): number => parameters.filter((parameter) => parameter.role === role).length;
  return {
    inputs: inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(' and '),
    operators: counted(nodes.map(({ operator }) => operator)),
    withoutDerivative: without.length === 0 ? null : counted(without.map(({ operator }) => operator)),
    tensors: `${roles('weight')} weights, ${roles('bias')} biases, ${roles('buffer')} running statistics`,
    source: `${source.producer === '' ? 'an unnamed program' : source.producer}, operator set ${source.operatorSet}, SHA-256 ${source.sha256}`,
    changes,
  };
}
