import { floatOf, intOf, textOf } from './file-attributes.ts';
import type { Form, FormUse } from './form-use.ts';
import { rowAxes, type Traced } from './traced.ts';

const firstOf = (use: FormUse): Traced => use.inputs[0] as Traced;

/** x Φ(x), by the error function or by the hyperbolic tangent that comes near it (ONNX operator Gelu, set 20). */
const gelu: Form = (use) => {
  const { draft, node } = use;
  const x = firstOf(use);
  const half = draft.op('Mul', [x, draft.scalar(0.5)]);
  const inner =
    textOf(node, 'approximate', 'none') === 'tanh'
      ? draft.op('Tanh', [
          draft.op('Mul', [
            draft.op('Add', [
              x,
              draft.op('Mul', [draft.op('Mul', [draft.op('Mul', [x, x]), x]), draft.scalar(0.044715)]),
            ]),
            draft.scalar(Math.sqrt(2 / Math.PI)),
          ]),
        ])
      : draft.op('Erf', [draft.op('Mul', [x, draft.scalar(Math.SQRT1_2)])]);
  return [draft.op('Mul', [half, draft.op('Add', [inner, draft.scalar(1)])])];
};

const mish: Form = (use) => {
  const x = firstOf(use);
  return [use.draft.op('Mul', [x, use.draft.op('Tanh', [use.draft.op('Softplus', [x])])])];
};

/** x σ(αx) (ONNX operator Swish, set 24). */
const swish: Form = (use) => {
  const { draft, node } = use;
  const x = firstOf(use);
  const alpha = floatOf(node, 'alpha', 1);
  const inner = alpha === 1 ? x : draft.op('Mul', [x, draft.scalar(alpha)]);
  return [draft.op('Mul', [x, draft.op('Sigmoid', [inner])])];
};

const reduceLogSum: Form = (use) => {
  const { draft, node } = use;
  const axes = node.attributes.get('axes');
  const list = axes !== undefined && 'ints' in axes ? axes.ints.map(Number) : null;
  const x = firstOf(use);
  const given = use.inputs[1];
  const input = given ?? (list === null ? null : draft.integers(list));
  const keepdims = { keepdims: { int: intOf(node, 'keepdims', 1) } };
  return [draft.op('Log', [draft.op('ReduceSum', input == null ? [x] : [x, input], keepdims)])];
};

/** Group normalisation of set 18 and 21, by that of instances; its scale is a number a group before set 21, a channel since. */
const groupNormalization: Form = (use) => {
  const { draft, node } = use;
  const [x, scale, bias] = use.inputs as [Traced, Traced, Traced];
  const groups = intOf(node, 'num_groups', 1);
  const { shape } = x.sides[0];
  const channels = shape[1] ?? 1;
  const spatial = shape.slice(2);
  const each = (channels / groups) * spatial.reduce((product, length) => product * length, 1);
  const grouped = draft.op('Reshape', [x, draft.integers([0, groups, each])]);
  const normal = draft.op(
    'InstanceNormalization',
    [
      grouped,
      draft.known('float', [groups], new Float32Array(groups).fill(1)),
      draft.known('float', [groups], new Float32Array(groups)),
    ],
    { epsilon: { float: floatOf(node, 'epsilon', 1e-5) } },
  );
  const back = draft.op('Reshape', [normal, draft.integers([0, channels, ...spatial])]);
  const perChannel = (value: Traced): Traced => {
    const ones = spatial.map(() => 1);
    const length = value.sides[0].shape[0] ?? 1;
    if (length === channels) return draft.op('Reshape', [value, draft.integers([channels, ...ones])]);
    const column = draft.op('Reshape', [value, draft.integers([groups, 1])]);
    const repeated = draft.op('Expand', [column, draft.integers([groups, channels / groups])]);
    return draft.op('Reshape', [repeated, draft.integers([channels, ...ones])]);
  };
  return [draft.op('Add', [draft.op('Mul', [back, perChannel(scale)]), perChannel(bias)])];
};

/** Extremes and sums of any number of values, two at a time. */
function chained(operator: 'Add' | 'Min' | 'Max', divide = false): Form {
  return ({ draft, inputs }) => {
    const [first, ...rest] = inputs as Traced[];
    const all = rest.reduce((sum, value) => draft.op(operator, [sum, value]), first as Traced);
    return [divide ? draft.op('Mul', [all, draft.scalar(1 / inputs.length)]) : all];
  };
}

const flatten: Form = ({ draft, node, inputs }) => {
  const x = inputs[0] as Traced;
  const rank = x.sides[0].shape.length;
  const given = intOf(node, 'axis', 1);
  const axis = given < 0 ? given + rank : given;
  // In the terms of Reshape, which can be followed whatever the axes are.
  if (axis === 1 && rowAxes(x).every((row) => row === 0)) return [draft.op('Reshape', [x, draft.integers([0, -1])])];
  return [draft.op('Flatten', [x], { axis: { int: axis } })];
};

/** Operators that set 17 lacks, or that are simpler in terms of others. */
export const lowered: Readonly<Record<string, Form>> = {
  Flatten: flatten,
  Gelu: gelu,
  GroupNormalization: groupNormalization,
  Max: chained('Max'),
  Mean: chained('Add', true),
  Min: chained('Min'),
  Mish: mish,
  ReduceLogSum: reduceLogSum,
  Sum: chained('Add'),
  Swish: swish,
};
