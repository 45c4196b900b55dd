import type { Attributes, Value } from '../../../graph.ts';
import { intAttribute, intsAttribute } from '../../../operators/attributes.ts';
import { constantIntegers } from '../../../operators/contents.ts';
import { axisOf, knownShape } from '../../../operators/dimensions.ts';
import { padsOf, slicesOf } from '../../../operators/layouts.ts';
import { reducedAxes } from '../../../operators/reductions.ts';
import { vectorJacobianOf } from '../../../vector-jacobian.ts';
import { broadcastOperators, elementOperators, reductionOperators } from '../operator-kinds.ts';
import { inFull, noGradients, type RowGradients } from '../outer-products.ts';
import { asIfByRow, sumByRow } from '../row-axis.ts';
import { input, rankOf, refused, type SharedUse } from './shared-use.ts';

/** The node with an axis for the rows before all others of its inputs and outputs. */
function withRows(use: SharedUse): { readonly inputs: readonly Value[]; readonly attributes: Attributes } | null {
  const { b, node, rows, needed } = use;
  const { operator, attributes, inputs } = node;
  const rank = rankOf(inputs[0]);
  const rankOut = rankOf(node.outputs[0]);
  const data = (width = rank): Value => asIfByRow(b, input(use, 0), rows, width);
  const axis = (byDefault: number, length = rank): Attributes => ({
    ...attributes,
    axis: { int: axisOf(intAttribute(attributes, 'axis', byDefault), length) + 1 },
  });
  const shifted = (axes: readonly number[], length: number): Value =>
    b.integers(
      'axes',
      axes.map((one) => axisOf(one, length) + 1),
    );
  if (elementOperators.has(operator)) return { inputs: [data()], attributes };
  if (broadcastOperators.has(operator) && operator !== 'Clip') {
    return {
      inputs: inputs.map((value, index) => (needed[index] === true ? asIfByRow(b, value, rows, rankOut) : value)),
      attributes,
    };
  }
  if (reductionOperators.has(operator)) {
    const axes = reducedAxes(operator, inputs, attributes, rank).map((one) => one + 1);
    const kept = { keepdims: { int: intAttribute(attributes, 'keepdims', 1) } };
    return operator === 'ReduceSum'
      ? { inputs: [data(), b.integers('axes', axes)], attributes: kept }
      : { inputs: [data()], attributes: { ...kept, axes: { ints: axes } } };
  }
  switch (operator) {
    case 'Clip':
      return needed.slice(1).includes(true) ? null : { inputs: [data(), ...inputs.slice(1)], attributes };
    case 'Reshape':
    case 'Flatten':
    case 'Expand':
      return { inputs: [data(operator === 'Expand' ? rankOut : rank), ...inputs.slice(1)], attributes };
    case 'Transpose': {
      const order = intsAttribute(attributes, 'perm') ?? Array.from({ length: rank }, (_, at) => rank - 1 - at);
      return { inputs: [data()], attributes: { perm: { ints: [0, ...order.map((one) => axisOf(one, rank) + 1)] } } };
    }
    case 'Squeeze':
      return inputs[1] === undefined
        ? { inputs: [data()], attributes }
        : { inputs: [data(), shifted(constantIntegers(inputs[1]), rank)], attributes };
    case 'Unsqueeze':
      return { inputs: [data(), shifted(constantIntegers(inputs[1]), rankOut)], attributes };
    case 'Softmax':
    case 'LogSoftmax':
      return { inputs: [data()], attributes: axis(-1) };
    case 'Split':
      return { inputs: [data(), ...inputs.slice(1)], attributes: axis(0) };
    case 'Concat':
      return { inputs: inputs.map((value) => asIfByRow(b, value, rows, rank)), attributes: axis(0) };
    case 'Gather':
      return needed[1] === true ? null : { inputs: [data(), input(use, 1)], attributes: axis(0) };
    case 'Slice': {
      const slices = slicesOf(node);
      const column = (numbers: readonly number[]): Value => b.integers('slices', numbers);
      return {
        inputs: [
          data(),
          column(slices.map(({ start }) => start)),
          column(slices.map(({ end }) => end)),
          column(slices.map((one) => one.axis + 1)),
          column(slices.map(({ step }) => step)),
        ],
        attributes,
      };
    }
    case 'Pad': {
      const { begins, ends } = padsOf(node);
      return needed[2] === true
        ? null
        : { inputs: [data(), b.integers('pads', [0, ...begins, 0, ...ends]), ...inputs.slice(2)], attributes };
    }
    default:
      return null;
  }
}

/** Through the operator's own vector-Jacobian product, the rows being one more axis. */
export function written(use: SharedUse): RowGradients[] {
  const { b, node, rows, gradients, needed } = use;
  const changed = withRows(use);
  if (changed === null) throw refused(node);
  const outputs = node.outputs.map((output) => asIfByRow(b, output, rows, rankOf(output)));
  const found = vectorJacobianOf(node.operator)({
    builder: b,
    node: { ...node, ...changed, outputs },
    outputs,
    gradients: node.outputs.map((output, index) => {
      const own = gradients[index];
      return own === null || own === undefined ? null : inFull(b, own, knownShape(output.shape));
    }),
    needed,
  });
  return node.inputs.map((value, index) => {
    const own = found[index];
    if (needed[index] !== true) return noGradients;
    if (own === null || own === undefined) throw refused(node);
    return { products: [], full: sumByRow(b, own, knownShape(value.shape)) };
  });
}
