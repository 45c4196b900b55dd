import type { NetworkConstant } from '../../plan/network.ts';
import type { Known } from './evaluate.ts';
import { defaultLimits } from './limits.ts';
import { OnnxError, shown } from './onnx-error.ts';

/** Numbers that a constant of the plan holds for so many rows. @throws OnnxError `tensor_size`, `over_limit` */
export function constantAt({ name, type, shape, values }: NetworkConstant, rows: number): Known {
  const count = shape.reduce((product, length) => product * length, 1);
  if (!(count <= defaultLimits.elements)) {
    throw new OnnxError('over_limit', `constant ${shown(name)} has ${count} values`, { constant: name });
  }
  if (values.length !== count && !(values.length === 1 && count > 0)) {
    throw new OnnxError(
      'tensor_size',
      `constant ${shown(name)} [${shape.join(', ')}] is given ${values.length} values`,
      {
        constant: name,
      },
    );
  }
  const numbers = values.map((value): number => {
    if (typeof value === 'number') {
      if ((type === 'int64' || type === 'int32' || type === 'bool') && !Number.isInteger(value)) {
        throw new OnnxError('tensor_size', `constant ${shown(name)} of ${type} holds ${value}`, { constant: name });
      }
      return value;
    }
    if (typeof value === 'object') return value.rows * rows;
    return value === 'Infinity' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  });
  const [single] = numbers;
  const all = numbers.length === count ? Float64Array.from(numbers) : new Float64Array(count).fill(single as number);
  return { type, shape, values: all };
}

/** Whether the contents grow with the rows. */
export function growsWithRows({ values }: NetworkConstant): boolean {
  return values.some((value) => typeof value === 'object');
}
