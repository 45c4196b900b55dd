import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Network } from '../network-types.ts';
import { activate, activation } from './activation.ts';
import { convolution, fanIn } from './convolution.ts';
import { dropout } from './dropout.ts';
import { beforeActivation, glorotUniform } from './initial-values.ts';
import { inSequence, type Layer, plain, transpose } from './layer.ts';
import { payloadNetwork, payloadOf } from './payload-network.ts';

type TemporalSpec = Extract<Plan['model'], { family: 'tcn' }>;

/** Steps back from the last that its value depends on, itself included: 1 + 2 (kernel - 1) (2^blocks - 1). */
export function receptiveSteps({ channels, kernel }: TemporalSpec): number {
  return 1 + 2 * (kernel - 1) * (2 ** channels.length - 1);
}

/**
 * Temporal convolution (Bai, Kolter and Koltun 2018, section 3): blocks of two causal convolutions with 2^b steps between taps, each
 * followed by activation and dropout, added to the block's input (through a convolution of one tap where the channels differ), and an
 * activation; the last step is read. Without the paper's weight normalisation: averaging its directions and lengths over sites apart
 * is not averaging the weights.
 *
 * [N, steps, channels] becomes [N, last of `channels`]. Tensors of block b: `blockB.convolution1.weight` [out, in, kernel], `.bias` [out],
 * `blockB.convolution2.*`, `blockB.shortcut.*`.
 */
export function temporalNetwork(plan: Plan, model: TemporalSpec): Network {
  const [steps, measured] = payloadOf(plan, 'series') as readonly [number, number];
  const blocks = model.channels.map((outputs, index) =>
    block(model, `block${index + 1}`, model.channels[index - 1] ?? measured, outputs, 2 ** index),
  );
  // What lies further back than the last step can see need not be computed.
  const seen = Math.min(steps, receptiveSteps(model));
  const part = (builder: GraphBuilder, value: Value, from: number, to: number, axis: number): Value =>
    builder.op('Slice', [
      value,
      builder.integers('from', [from]),
      builder.integers('to', [to]),
      builder.integers('axes', [axis]),
    ]);
  const channelsFirst = plain(({ builder }, value) =>
    transpose(builder, seen === steps ? value : part(builder, value, steps - seen, steps, 1), [0, 2, 1]),
  );
  const lastStep = plain(({ builder }, value) => builder.squeeze(part(builder, value, seen - 1, seen, 2), 2));
  const layer = inSequence([channelsFirst, ...blocks, lastStep]);
  return payloadNetwork(plan, 'series', { layer, width: model.channels.at(-1) as number });
}

function block(model: TemporalSpec, name: string, inputs: number, outputs: number, dilation: number): Layer {
  const { kernel } = model;
  const causal = (part: string, from: number): Layer =>
    inSequence([
      convolution({
        name: `${name}.${part}`,
        inputs: from,
        outputs,
        kernel: [kernel],
        initial: beforeActivation(model.activation, fanIn(from, [kernel]), fanIn(outputs, [kernel])),
        dilation,
        // A step never sees a later one.
        pads: [(kernel - 1) * dilation, 0],
      }),
      activation(model.activation),
      dropout(model.dropout),
    ]);
  const branch = inSequence([causal('convolution1', inputs), causal('convolution2', outputs)]);
  const shortcut =
    inputs === outputs
      ? plain((_, value) => value)
      : convolution({
          name: `${name}.shortcut`,
          inputs,
          outputs,
          kernel: [1],
          initial: glorotUniform(inputs, outputs),
          pads: [0, 0],
        });
  return {
    parameters: [...branch.parameters, ...shortcut.parameters],
    apply: (use, value) =>
      activate(use.builder, model.activation, use.builder.add(branch.apply(use, value), shortcut.apply(use, value))),
  };
}
