import { knownShape } from '../operators/dimensions.ts';
import { type Layer, plain } from './layer.ts';

/**
 * Inverted dropout: in training each value is kept with probability 1 - share and then divided by it, so that nothing is scaled at
 * inference. Srivastava et al. (2014), Dropout, section 10. The uniforms come from outside, the same for every engine.
 *
 * @param share of values set to zero; none when absent
 */
export function dropout(share: number | undefined): Layer {
  return plain(({ builder, random }, value) => {
    if (random === null || share === undefined || share === 0) return value;
    const uniform = random(knownShape(value.shape, 'the values dropout is applied to'));
    const kept = builder.cast(builder.op('GreaterOrEqual', [uniform, builder.scalar(share)]), 'float');
    return builder.mul(value, builder.mul(kept, builder.scalar(1 / (1 - share))));
  });
}
