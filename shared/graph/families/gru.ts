import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import type { Network } from '../network-types.ts';
import { dropout } from './dropout.ts';
import { bias, type Layer, type LayerUse, transpose, weight, weightOf } from './layer.ts';
import { payloadNetwork, payloadOf } from './payload-network.ts';

type RecurrentSpec = Extract<Plan['model'], { family: 'gru' }>;

/**
 * Gated recurrent units (Cho et al. 2014), in the form of cuDNN and PyTorch, in which the reset gate acts on the product of the state:
 *
 *     r = σ(x W_r + b_r + h U_r + c_r),   z = σ(x W_z + b_z + h U_z + c_z)
 *     n = tanh(x W_n + b_n + r (h U_n + c_n)),   h' = (1 - z) n + z h
 *
 * [N, steps, channels] becomes the last state of the last layer [N, hidden]. Tensors of layer l, their columns in the order r, z, n:
 * `layerL.input.weight` [in, 3 hidden], `layerL.input.bias`, `layerL.state.weight` [hidden, 3 hidden], `layerL.state.bias` [3 hidden].
 * All start uniform on ±1 / sqrt(hidden), as PyTorch has them. Dropout is applied between layers and to the last state.
 */
export function recurrentNetwork(plan: Plan, model: RecurrentSpec): Network {
  const [steps, channels] = payloadOf(plan, 'series') as readonly [number, number];
  const layers = Array.from({ length: model.layers }, (_, index) =>
    recurrentLayer(`layer${index + 1}`, index === 0 ? channels : model.hidden, model.hidden),
  );
  const between = dropout(model.dropout, [1, 0, 2]);
  const layer: Layer = {
    parameters: layers.flatMap(({ parameters }) => parameters),
    apply(use, payload) {
      const { builder } = use;
      // Time first, so that a step is one block of memory.
      let sequence = transpose(builder, payload, [1, 0, 2]);
      for (const [index, { states }] of layers.entries()) {
        const found = states(use, sequence, steps);
        if (index === layers.length - 1) return found.at(-1) as Value;
        const joined = builder.op(
          'Concat',
          found.map((state) => builder.unsqueeze(state, 0)),
          { axis: { int: 0 } },
        );
        sequence = between.apply(use, joined);
      }
      return sequence;
    },
  };
  return payloadNetwork(plan, 'series', { layer, width: model.hidden, dropout: model.dropout });
}

interface RecurrentLayer {
  readonly parameters: Layer['parameters'];
  /** From [steps, N, inputs] to the state [N, hidden] after each step. */
  readonly states: (use: LayerUse, sequence: Value, steps: number) => Value[];
}

function recurrentLayer(name: string, inputs: number, hidden: number): RecurrentLayer {
  const initial = { kind: 'uniform', limit: 1 / Math.sqrt(hidden) } as const;
  const ofInput = weight(`${name}.input.weight`, [inputs, 3 * hidden], initial);
  const inputBias = bias(`${name}.input.bias`, [3 * hidden], initial);
  const ofState = weight(`${name}.state.weight`, [hidden, 3 * hidden], initial);
  const stateBias = bias(`${name}.state.bias`, [3 * hidden], initial);
  return {
    parameters: [ofInput, inputBias, ofState, stateBias],
    states(use, sequence, steps) {
      const { builder: b } = use;
      const split = (value: Value, axis: number): Value[] =>
        b.ops('Split', [value, b.integers('parts', [2 * hidden, hidden])], { axis: { int: axis } }, 2);
      const perStep = (value: Value): Value[] =>
        (steps === 1 ? [value] : b.ops('Split', [value], { axis: { int: 0 } }, steps)).map((one) => b.squeeze(one, 0));
      // The inputs of all steps in one product.
      const projected = b.add(b.op('MatMul', [sequence, weightOf(use, ofInput.name)]), weightOf(use, inputBias.name));
      const [gateInputs, candidateInputs] = split(projected, 2).map(perStep) as [Value[], Value[]];
      const matrix = weightOf(use, ofState.name);
      const shift = weightOf(use, stateBias.name);
      const one = b.scalar(1);
      const states: Value[] = [];
      for (let step = 0; step < steps; step++) {
        const before = states[step - 1];
        // The first state is zero, of which only the bias is left.
        const [gateState, candidateState] = split(
          before === undefined ? shift : b.gemm(before, matrix, shift),
          before === undefined ? 0 : 1,
        ) as [Value, Value];
        const gates = b.op('Sigmoid', [b.add(gateInputs[step] as Value, gateState)]);
        const [reset, update] = b.ops('Split', [gates], { axis: { int: 1 } }, 2) as [Value, Value];
        const candidate = b.op('Tanh', [b.add(candidateInputs[step] as Value, b.mul(reset, candidateState))]);
        states.push(
          before === undefined
            ? b.mul(b.sub(one, update), candidate)
            : b.add(candidate, b.mul(update, b.sub(before, candidate))),
        );
      }
      return states;
    },
  };
}
