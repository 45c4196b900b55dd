import type { NetworkConstant } from '../../plan/network.ts';
import type { Known } from './evaluate.ts';
import { defaultLimits } from './limits.ts';
import { OnnxError, shown } from './onnx-error.ts';

/** Larger ones would be another number once written as their type: beyond 2^53 a plan's numbers are not exact, beyond 2^31 int32 wraps. */
const mostOf: Readonly<Partial<Record<NetworkConstant['type'], number>>> = {
  int64: Number.MAX_SAFE_INTEGER,
  int32: 2 ** 31 - 1,
  bool: 1,
};

/** Numbers that a constant of the plan holds for so many rows. @throws OnnxError `tensor_size`, `over_limit`, `unsupported_form` */
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
      const most = mostOf[type];
      if (most !== undefined && !(Number.isInteger(value) && Math.abs(value) <= most)) {
        throw new OnnxError(
          'unsupported_form',
          `constant ${shown(name)} of ${type} holds ${value}; whole numbers up to ${most} are taken`,
          { constant: name },
        );
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
