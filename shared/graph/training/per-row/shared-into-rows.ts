import { channelNormalisation, convolution } from './meeting/channels.ts';
import { gather, gemm, matMul } from './meeting/matrices.ts';
import { type MeetingUse, refused } from './meeting/meeting-use.ts';
import { einsum, repeated } from './meeting/repeated.ts';
import { broadcastOperators } from './operator-kinds.ts';
import type { RowGradients } from './outer-products.ts';

/**
 * The gradients by row of a tensor without rows, by an operator whose result has rows.
 * @throws GraphError `not_differentiable`, naming the operator, when it has no rule
 */
export function gradientsByRow(use: MeetingUse): RowGradients {
  const { operator } = use.node;
  if (broadcastOperators.has(operator)) return repeated(use);
  switch (operator) {
    case 'Expand':
    case 'LayerNormalization':
      return repeated(use);
    case 'Gemm':
      return gemm(use);
    case 'MatMul':
      return matMul(use);
    case 'Gather':
      return gather(use);
    case 'Conv':
    case 'ConvTranspose':
      return convolution(use);
    case 'InstanceNormalization':
    case 'BatchNormalization':
      return channelNormalisation(use);
    case 'Einsum':
      return einsum(use);
    default:
      throw refused(use);
  }
}
