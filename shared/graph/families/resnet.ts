import type { Plan } from '../../plan/plan.ts';
import type { InitialValue, Network } from '../network-types.ts';
import { activate, activation } from './activation.ts';
import { convolution, fanIn } from './convolution.ts';
import { heUniform } from './initial-values.ts';
import { inSequence, type Layer, plain, reshape } from './layer.ts';
import { normalisation } from './normalisation.ts';
import { payloadNetwork, payloadOf } from './payload-network.ts';

type ResidualSpec = Extract<Plan['model'], { family: 'resnet' }>;

/**
 * A residual network of basic blocks (He et al. 2016, Deep Residual Learning, section 3.3 and, for the stem of one 3 × 3 convolution,
 * section 4.2): stages of blocks of two 3 × 3 convolutions, the first block of each further stage with stride 2; where the shape changes,
 * the shortcut is a 1 × 1 convolution (option B); the mean over all pixels is read.
 *
 * [N, channels, height, width] becomes [N, last of `channels`]. Tensors: `stem.convolution.weight`, `stem.norm.*`,
 * `stageS.blockB.convolution1.weight` [out, in, 3, 3], `.norm1.*`, `.convolution2.weight`, `.norm2.*`, `.shortcut.weight`, `.shortcutnorm.*`.
 * Convolutions have a bias where nothing normalises; then the second of each block starts at zero, so that depth does not
 * multiply the values (Zhang et al. 2019, Fixup Initialization, rule 1).
 */
export function residualNetwork(plan: Plan, model: ResidualSpec): Network {
  const [channels] = payloadOf(plan, 'images') as readonly [number, number, number];
  const first = model.channels[0] as number;
  const stages = model.channels.flatMap((outputs, stage) =>
    Array.from({ length: model.blocks }, (_, block) =>
      residualBlock(
        model,
        `stage${stage + 1}.block${block + 1}`,
        block === 0 ? (model.channels[stage - 1] ?? outputs) : outputs,
        outputs,
        stage > 0 && block === 0 ? 2 : 1,
      ),
    ),
  );
  const width = model.channels.at(-1) as number;
  const pool = plain(({ builder }, value) => reshape(builder, builder.op('GlobalAveragePool', [value]), [0, width]));
  return payloadNetwork(plan, 'images', {
    layer: inSequence([
      square(model, 'stem.convolution', channels, first, 1),
      normalisation(model.normalisation, 'stem.norm', first),
      activation('relu'),
      ...stages,
      pool,
    ]),
    width,
    mixesRows: model.normalisation === 'batch' ? 'BatchNormalization' : null,
  });
}

/** A 3 × 3 convolution that keeps the size, or halves it with stride 2. */
function square(
  { normalisation: kind }: ResidualSpec,
  name: string,
  inputs: number,
  outputs: number,
  stride: number,
  initial: InitialValue = heUniform(fanIn(inputs, [3, 3])),
): Layer {
  const biased = kind === 'none';
  return convolution({ name, inputs, outputs, kernel: [3, 3], initial, stride, pads: [1, 1, 1, 1], biased });
}

function residualBlock(model: ResidualSpec, name: string, inputs: number, outputs: number, stride: number): Layer {
  const kind = model.normalisation;
  const branch = inSequence([
    square(model, `${name}.convolution1`, inputs, outputs, stride),
    normalisation(kind, `${name}.norm1`, outputs),
    activation('relu'),
    square(model, `${name}.convolution2`, outputs, outputs, 1, kind === 'none' ? { kind: 'zeros' } : undefined),
    normalisation(kind, `${name}.norm2`, outputs),
  ]);
  const shortcut =
    stride === 1 && inputs === outputs
      ? inSequence([])
      : inSequence([
          convolution({
            name: `${name}.shortcut`,
            inputs,
            outputs,
            kernel: [1, 1],
            initial: heUniform(inputs),
            stride,
            pads: [0, 0, 0, 0],
            biased: kind === 'none',
          }),
          normalisation(kind, `${name}.shortcutnorm`, outputs),
        ]);
  return {
    parameters: [...branch.parameters, ...shortcut.parameters],
    apply: (use, value) =>
      activate(use.builder, 'relu', use.builder.add(branch.apply(use, value), shortcut.apply(use, value))),
  };
}
