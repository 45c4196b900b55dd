import { type ElementType, shapeText } from '../graph.ts';
import { intAttribute } from './attributes.ts';
import { axisOf, broadcastShape } from './dimensions.ts';
import { inputOf, misfit, type OperatorRule, type OperatorRules, rule, sameType } from './rule.ts';

const unary = rule(1, 1, (use) => ({ type: inputOf(use, 0).type, shape: inputOf(use, 0).shape }));

/** Along an axis, but of the input's shape. */
const alongAxis = rule(1, 1, (use) => {
  const { type, shape } = inputOf(use, 0);
  axisOf(intAttribute(use.attributes, 'axis', -1), shape.length);
  return { type, shape };
});

const binary = rule(2, 2, (use) => ({
  type: sameType(use.inputs),
  shape: broadcastShape(inputOf(use, 0).shape, inputOf(use, 1).shape),
}));

const comparison = rule(2, 2, (use) => {
  sameType(use.inputs);
  return { type: 'bool', shape: broadcastShape(inputOf(use, 0).shape, inputOf(use, 1).shape) };
});

const many = rule(1, Number.POSITIVE_INFINITY, (use) => ({
  type: sameType(use.inputs),
  shape: use.inputs.map((value) => value.shape).reduce(broadcastShape),
}));

/** Any number of operators that follow one rule. */
function all(names: readonly string[], one: OperatorRule): OperatorRules {
  return Object.fromEntries(names.map((name) => [name, one]));
}

const castTypes: Readonly<Record<number, ElementType>> = {
  1: 'float',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'double',
};

export const elementwise: OperatorRules = {
  ...all(['Add', 'Sub', 'Mul', 'Div', 'Mod', 'And', 'Or', 'Xor'], binary),
  ...all(['Min', 'Max', 'Sum', 'Mean'], many),
  ...all(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'], comparison),
  ...all(['Abs', 'Ceil', 'Erf', 'Exp', 'Floor', 'Identity', 'Log', 'Neg', 'Not', 'Reciprocal', 'Round', 'Sign'], unary),
  ...all(['Cos', 'Sin', 'Softsign', 'Sqrt'], unary),
  ...all(
    ['Celu', 'Elu', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Relu', 'Selu', 'Sigmoid', 'Softplus', 'Tanh'],
    unary,
  ),
  ...all(['LogSoftmax', 'Softmax'], alongAxis),
  IsNaN: rule(1, 1, (use) => ({ type: 'bool', shape: inputOf(use, 0).shape })),
  Pow: rule(2, 2, (use) => ({
    type: inputOf(use, 0).type,
    shape: broadcastShape(inputOf(use, 0).shape, inputOf(use, 1).shape),
  })),
  PRelu: rule(2, 2, (use) => {
    const [x, slope] = [inputOf(use, 0), inputOf(use, 1)];
    if (shapeText(broadcastShape(x.shape, slope.shape)) !== shapeText(x.shape)) {
      throw misfit(`${slope.name} ${shapeText(slope.shape)} does not broadcast to ${shapeText(x.shape)}`);
    }
    return { type: sameType(use.inputs), shape: x.shape };
  }),
  Clip: rule(1, 3, (use) => {
    const wide = use.inputs.slice(1).find((bound) => bound.shape.length !== 0);
    if (wide !== undefined) throw misfit(`${wide.name} ${shapeText(wide.shape)}, a bound, must be one number`);
    return { type: sameType(use.inputs), shape: inputOf(use, 0).shape };
  }),
  Cast: rule(1, 1, (use) => {
    const to = intAttribute(use.attributes, 'to', 0);
    const type = castTypes[to];
    if (type === undefined) throw misfit(`there is no element type ${to} to cast to`);
    return { type, shape: inputOf(use, 0).shape };
  }),
  Where: rule(3, 3, (use) => {
    const [condition, yes, no] = [inputOf(use, 0), inputOf(use, 1), inputOf(use, 2)];
    if (condition.type !== 'bool') throw misfit(`${condition.name} is ${condition.type}, a condition is bool`);
    return {
      type: sameType([yes, no]),
      shape: broadcastShape(condition.shape, broadcastShape(yes.shape, no.shape)),
    };
  }),
};
