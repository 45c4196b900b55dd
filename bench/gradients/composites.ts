import type { Value } from '../../shared/graph/graph.ts';
import type { CaseUse } from './case.ts';

/** x Φ(x) by Erf (Hendrycks and Gimpel 2016, section 2), or the paper's approximation 0.5 x (1 + tanh(sqrt(2 / π) (x + 0.044715 x³))). */
export function gelu({ b, x, number }: CaseUse, form: 'none' | 'tanh'): Value {
  const inner =
    form === 'none'
      ? b.op('Erf', [b.mul(x, number(Math.SQRT1_2))])
      : b.op('Tanh', [b.mul(b.add(x, b.mul(b.mul(b.mul(x, x), x), number(0.044715))), number(Math.sqrt(2 / Math.PI)))]);
  return b.mul(b.mul(x, number(0.5)), b.add(inner, number(1)));
}

/** Group normalisation (Wu and He 2018, equation 7) of x with a scale y and a bias z a channel, by that of instances. */
export function groupNormalization({ b, x, y, z, number, whole }: CaseUse, groups: number): Value {
  const [, channels, ...spatial] = x.shape.map(Number);
  const even = (value: number): Value => b.op('Expand', [number(value), whole(groups)]);
  const grouped = b.op('Reshape', [x, whole(0, groups, -1)]);
  const standard = b.op('InstanceNormalization', [grouped, even(1), even(0)]);
  const back = b.op('Reshape', [standard, whole(0, channels as number, ...spatial)]);
  const perChannel = (value: Value): Value => b.op('Reshape', [value, whole(-1, ...spatial.map(() => 1))]);
  return b.add(b.mul(back, perChannel(y)), perChannel(z));
}
