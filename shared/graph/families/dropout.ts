import { knownShape } from '../operators/dimensions.ts';
import { type Layer, plain, transpose } from './layer.ts';

/**
 * Inverted dropout: in training each value is kept with probability 1 - share and then divided by it, so that nothing is scaled at
 * inference. Srivastava et al. (2014), Dropout, section 10. The uniforms come from outside, the same for every engine.
 *
 * @param share of values set to zero; none when absent
 * @param order where the rows do not come first: order of the axes that puts a tensor with the rows first into that of the values. Uniforms
 *   always have the rows first, so that part of a batch takes its part of them.
 */
export function dropout(share: number | undefined, order?: readonly number[]): Layer {
  return plain(({ builder, random }, value) => {
    if (random === null || share === undefined || share === 0) return value;
    const shape = knownShape(value.shape, 'the values dropout is applied to');
    const uniform =
      order === undefined
        ? random(shape)
        : transpose(builder, random(shape.map((_, axis) => shape[order.indexOf(axis)] as number)), order);
    const kept = builder.cast(builder.op('GreaterOrEqual', [uniform, builder.scalar(share)]), 'float');
    return builder.mul(value, builder.mul(kept, builder.scalar(1 / (1 - share))));
  });
}
