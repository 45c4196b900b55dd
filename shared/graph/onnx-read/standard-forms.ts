import { fileTensorOfAttribute } from './constant-node.ts';
import { floatOf, intOf, intsOf, plainAttributes, textOf } from './file-attributes.ts';
import type { FileTensor } from './file-model.ts';
import { type Form, type FormUse, givenInput, unsupportedForm } from './form-use.ts';
import { lowered } from './lowered.ts';
import { OnnxError } from './onnx-error.ts';
import { recurrentForm } from './recurrent-form.ts';
import { expandForm, reshapeForm } from './row-lengths.ts';
import { fixedContents, storedNumbers, type Traced } from './traced.ts';

/** Numbers given as an input that must not depend on anything. */
function numbers(use: FormUse, index: number): readonly number[] | null {
  const value = use.inputs[index];
  if (value == null) return null;
  const found = storedNumbers(value);
  if (found === null) {
    throw new OnnxError('dynamic_shape', `${use.node.operator}: input ${index} must be a constant`, {
      operator: use.node.operator,
    });
  }
  return found;
}

function given(use: FormUse): Traced[] {
  return use.inputs.map((_, index) => givenInput(use, index));
}

const same: Form = (use) => {
  const { node, draft } = use;
  return draft.ops(node.operator, given(use), plainAttributes(node), node.outputs.length);
};

/** Reductions whose axes became an input with set 18; in set 17 they are an attribute. */
const axesAsAttribute: Form = (use) => {
  const { draft, node } = use;
  const x = givenInput(use, 0);
  const axes = numbers(use, 1) ?? intsOf(node, 'axes');
  const attributes = plainAttributes(node, ['axes', 'noop_with_empty_axes']);
  if (axes === null || axes.length === 0) {
    return intOf(node, 'noop_with_empty_axes', 0) === 1 ? [x] : [draft.op(node.operator, [x], attributes)];
  }
  return [draft.op(node.operator, [x], { ...attributes, axes: { ints: [...axes] } })];
};

const reduceSum: Form = (use) => {
  const { draft, node } = use;
  const x = givenInput(use, 0);
  const axes = numbers(use, 1);
  const attributes = plainAttributes(node, ['noop_with_empty_axes']);
  if (axes === null || axes.length === 0) {
    return intOf(node, 'noop_with_empty_axes', 0) === 1 ? [x] : [draft.op('ReduceSum', [x], attributes)];
  }
  return [draft.op('ReduceSum', [x, draft.integers(axes)], attributes)];
};

const dropout: Form = (use) => {
  const { draft } = use;
  const x = givenInput(use, 0);
  if (use.used(1)) throw unsupportedForm(use, 'its mask is used, which is drawn anew at each step');
  const [ratio] = numbers(use, 1) ?? [0.5];
  const [training] = numbers(use, 2) ?? [0];
  // Without training_mode the operator passes its input on (ONNX operator Dropout, set 13).
  if (training !== 1 || ratio === 0) return [x];
  if (ratio === undefined || !(ratio > 0 && ratio < 1)) throw unsupportedForm(use, `its ratio ${ratio} is no share`);
  return [draft.op('Dropout', [x], { ratio: { float: ratio } }), x];
};

const batchNormalization: Form = (use) => {
  const { draft, node } = use;
  const inputs = given(use);
  for (const index of [1, 2, 3, 4]) {
    if (inputs[index]?.origin.kind !== 'stored') throw unsupportedForm(use, `input ${index} must be a stored tensor`);
  }
  if (use.used(1) || use.used(2) || use.used(3) || use.used(4)) {
    throw unsupportedForm(use, 'its running means are used elsewhere in the network');
  }
  const attributes = plainAttributes(node, ['spatial', 'is_test']);
  return [draft.op('BatchNormalization', inputs, attributes)];
};

const clip: Form = (use) => {
  const { draft } = use;
  const x = givenInput(use, 0);
  const [low] = numbers(use, 1) ?? [];
  const [high] = numbers(use, 2) ?? [];
  if (low === undefined && high === undefined) return [x];
  const largest = 3.4028234663852886e38;
  const bound = (value: number): Traced => draft.known(x.type, [], [Math.max(-largest, Math.min(largest, value))]);
  return [draft.op('Clip', [x, bound(low ?? -largest), bound(high ?? largest)])];
};

const split: Form = (use) => {
  const { draft, node } = use;
  const x = givenInput(use, 0);
  const rank = x.sides[0].shape.length;
  const axis = intOf(node, 'axis', 0);
  const length = x.sides[0].shape[axis < 0 ? axis + rank : axis] ?? 0;
  const count = node.outputs.length;
  // Parts of equal length, the last one smaller (ONNX operator Split, set 18).
  const each = Math.ceil(length / count);
  const lengths =
    numbers(use, 1) ?? Array.from({ length: count }, (_, at) => (at < count - 1 ? each : length - each * (count - 1)));
  return draft.ops('Split', [x, draft.integers(lengths)], { axis: { int: axis } }, count);
};

const pad: Form = (use) => {
  const { draft, node } = use;
  const x = givenInput(use, 0);
  const rank = x.sides[0].shape.length;
  const pads = numbers(use, 1) ?? [];
  const axes = numbers(use, 3) ?? Array.from({ length: rank }, (_, axis) => axis);
  if (pads.length !== 2 * axes.length) throw unsupportedForm(use, `${pads.length} pads for ${axes.length} axes`);
  const full = new Array<number>(2 * rank).fill(0);
  for (const [at, axis] of axes.entries()) {
    const own = axis < 0 ? axis + rank : axis;
    full[own] = pads[at] as number;
    full[own + rank] = pads[at + axes.length] as number;
  }
  const [value] = numbers(use, 2) ?? [];
  const inputs = [x, draft.integers(full)];
  if (value !== undefined) inputs.push(draft.known(x.type, [], [value]));
  return [draft.op('Pad', inputs, { mode: { string: textOf(node, 'mode', 'constant') } })];
};

const slice: Form = (use) => {
  const { draft } = use;
  const x = givenInput(use, 0);
  const starts = givenInput(use, 1);
  const count = starts.sides[0].shape[0] ?? 0;
  const bounded = (value: Traced): Traced => {
    const fixed = fixedContents(value);
    return fixed === null
      ? value
      : draft.integers(fixed.map((bound) => Math.max(-(2 ** 31 - 1), Math.min(2 ** 31 - 1, bound))));
  };
  const axes = use.inputs[3] ?? draft.integers(Array.from({ length: count }, (_, axis) => axis));
  const steps = use.inputs[4];
  const inputs = [x, bounded(starts), bounded(givenInput(use, 2)), axes];
  return [draft.op('Slice', steps == null ? inputs : [...inputs, steps])];
};

const squeeze: Form = (use) => {
  const { draft } = use;
  const x = givenInput(use, 0);
  const [a, b] = x.sides;
  // With no axes named, those of length 1 go: but never that of the rows when there happens to be one row.
  const axes =
    numbers(use, 1) ?? a.shape.flatMap((length, axis) => (length === 1 && b.shape[axis] === 1 ? [axis] : []));
  return axes.length === 0 ? [x] : [draft.op('Squeeze', [x, draft.integers(axes)])];
};

const identity: Form = (use) => {
  const x = givenInput(use, 0);
  const [output] = use.node.outputs;
  // PyTorch's exporter stores equal tensors once and refers to them by Identity: they are parameters of their own.
  if (x.origin.kind === 'stored' && output !== undefined && output !== '') {
    return [use.draft.stored(output, x.origin.shape, x.origin.data)];
  }
  return [x];
};

const shapeOf: Form = (use) => {
  const { draft, node } = use;
  const x = givenInput(use, 0);
  const rank = x.sides[0].shape.length;
  const begin = intOf(node, 'start', 0);
  const end = intOf(node, 'end', rank);
  const [a, b] = x.sides.map(({ shape }) => {
    const lengths = shape.slice(begin, end);
    return { type: 'int64' as const, shape: [lengths.length], values: Float64Array.from(lengths) };
  });
  if (a === undefined || b === undefined) return [];
  return [draft.knownSides('int64', [a, b])];
};

const sizeOf: Form = (use) => {
  const [a, b] = givenInput(use, 0).sides.map(({ shape }) => ({
    type: 'int64' as const,
    shape: [],
    values: Float64Array.of(shape.reduce((product, length) => product * length, 1)),
  }));
  if (a === undefined || b === undefined) return [];
  return [use.draft.knownSides('int64', [a, b])];
};

const constantOfShape: Form = (use) => {
  const { draft, node } = use;
  const tensor: FileTensor | null = fileTensorOfAttribute(node, 'value');
  const filled = tensor === null ? draft.scalar(0) : draft.constant({ ...tensor, shape: [] });
  return [draft.op('Expand', [filled, givenInput(use, 0)])];
};

/**
 * Group normalisation is exported as that of instances between two reshapes, its scale of ones and shift of zeros being the exporter's
 * own and no parameters: the trained ones are multiplied and added after it.
 */
const instanceNormalization: Form = (use) => {
  const { draft, node } = use;
  const [x, scale, bias] = given(use);
  const holds = (value: Traced | undefined, number: number): boolean =>
    value?.origin.kind === 'stored' && value.origin.data.every((one) => one === number);
  const grouped = x?.origin.kind === 'made' && x.origin.node.operator === 'Reshape';
  if (!grouped || x === undefined || !holds(scale, 1) || !holds(bias, 0)) return same(use);
  const length = scale?.sides[0].shape[0] ?? 1;
  const constant = (number: number): Traced => draft.known('float', [length], new Float32Array(length).fill(number));
  return [draft.op('InstanceNormalization', [x, constant(1), constant(0)], plainAttributes(node))];
};

const firstOutputOnly: Form = (use) => {
  const { draft, node } = use;
  for (let index = 1; index < node.outputs.length; index++) {
    if (use.used(index)) throw unsupportedForm(use, `its output ${index} is used`);
  }
  return [draft.op(node.operator, given(use), plainAttributes(node))];
};

const averagePool: Form = (use) => {
  if ((intsOf(use.node, 'dilations') ?? []).some((dilation) => dilation !== 1)) {
    throw unsupportedForm(use, 'dilations other than 1 are not supported');
  }
  return [use.draft.op('AveragePool', given(use), plainAttributes(use.node, ['dilations']))];
};

const cast: Form = (use) => {
  const x = givenInput(use, 0);
  const asked = intOf(use.node, 'to', 0);
  const to = asked === 11 ? 1 : asked;
  const types: Readonly<Record<string, number>> = { float: 1, int32: 6, int64: 7, bool: 9, float16: 10, double: 11 };
  if (types[x.type] === to) return [x];
  if (to === 10 || to === 16) {
    throw new OnnxError('unsupported_type', 'the network computes in half width; export it in float32', { to });
  }
  if (!Object.values(types).includes(to)) throw unsupportedForm(use, `a cast to type ${to} is not supported`);
  return [use.draft.op('Cast', [x], { to: { int: to } })];
};

const hardSigmoid: Form = (use) => [
  use.draft.op('HardSigmoid', given(use), {
    alpha: { float: floatOf(use.node, 'alpha', 0.2) },
    beta: { float: floatOf(use.node, 'beta', 0.5) },
  }),
];

const forms: Readonly<Record<string, Form>> = {
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  Cast: cast,
  Clip: clip,
  ConstantOfShape: constantOfShape,
  Dropout: dropout,
  Expand: expandForm,
  GRU: recurrentForm,
  HardSigmoid: hardSigmoid,
  Identity: identity,
  InstanceNormalization: instanceNormalization,
  LSTM: recurrentForm,
  LayerNormalization: firstOutputOnly,
  MaxPool: firstOutputOnly,
  Pad: pad,
  ReduceL1: axesAsAttribute,
  ReduceL2: axesAsAttribute,
  ReduceLogSumExp: axesAsAttribute,
  ReduceMax: axesAsAttribute,
  ReduceMean: axesAsAttribute,
  ReduceMin: axesAsAttribute,
  ReduceProd: axesAsAttribute,
  ReduceSum: reduceSum,
  ReduceSumSquare: axesAsAttribute,
  Reshape: reshapeForm,
  Shape: shapeOf,
  Size: sizeOf,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  ...lowered,
};

/**
 * One node of the file in the terms of operator set 17, whatever set the file was written with.
 * @returns its outputs; fewer where the rest is used by nothing
 * @throws OnnxError
 */
export function standardForm(use: FormUse): readonly Traced[] {
  const form = Object.hasOwn(forms, use.node.operator) ? forms[use.node.operator] : undefined;
  return (form ?? same)(use);
}
