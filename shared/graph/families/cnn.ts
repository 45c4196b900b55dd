import type { Plan } from '../../plan/plan.ts';
import type { Network } from '../network-types.ts';
import { activation } from './activation.ts';
import { convolution, fanIn } from './convolution.ts';
import { denseLayer } from './dense-layer.ts';
import { dropout } from './dropout.ts';
import { beforeActivation } from './initial-values.ts';
import { inSequence, plain, reshape } from './layer.ts';
import { normalisation } from './normalisation.ts';
import { payloadNetwork, payloadOf } from './payload-network.ts';

type ConvolutionalSpec = Extract<Plan['model'], { family: 'cnn' }>;

/**
 * Blocks of a 3 × 3 convolution, normalisation, activation and 2 × 2 maximum, then fully connected layers.
 * [N, channels, height, width] becomes [N, last width]. Tensors: `blockB.convolution.weight` [out, in, 3, 3], `blockB.convolution.bias` [out]
 * where nothing normalises, `blockB.norm.*`, then `hiddenH.weight` [in, out] and `hiddenH.bias`.
 */
export function convolutionalNetwork(plan: Plan, model: ConvolutionalSpec): Network {
  const [channels, height, width] = payloadOf(plan, 'images') as readonly [number, number, number];
  const kernel = [3, 3];
  const blocks = model.channels.map((outputs, index) => {
    const inputs = model.channels[index - 1] ?? channels;
    const name = `block${index + 1}`;
    const initial = beforeActivation(model.activation, fanIn(inputs, kernel), fanIn(outputs, kernel));
    return inSequence([
      convolution({
        name: `${name}.convolution`,
        inputs,
        outputs,
        kernel,
        initial,
        pads: [1, 1, 1, 1],
        biased: model.normalisation === 'none',
      }),
      normalisation(model.normalisation, `${name}.norm`, outputs),
      activation(model.activation),
      plain(({ builder }, value) =>
        builder.op('MaxPool', [value], { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } }),
      ),
    ]);
  });
  const halvings = 2 ** model.channels.length;
  const flat = (model.channels.at(-1) as number) * Math.floor(height / halvings) * Math.floor(width / halvings);
  const widths = [flat, ...model.hidden];
  const hidden = model.hidden.map((outputs, index) => {
    const inputs = widths[index] as number;
    const initial = beforeActivation(model.activation, inputs, outputs);
    return inSequence([
      dropout(model.dropout),
      denseLayer({ name: `hidden${index + 1}`, inputs, outputs, initial }),
      activation(model.activation),
    ]);
  });
  const flatten = plain(({ builder }, value) => reshape(builder, value, [0, flat]));
  return payloadNetwork(plan, 'images', {
    layer: inSequence([...blocks, flatten, ...hidden]),
    width: widths.at(-1) as number,
    mixesRows: model.normalisation === 'batch' ? 'BatchNormalization' : null,
    dropout: model.dropout,
  });
}
