import { erf } from './erf.ts';
import { float, input, int, type Operation, type Operations, truth, zip } from './tensor.ts';

const each =
  (f: (x: number) => number): Operation =>
  (inputs) => [zip(f, input(inputs, 0))];

const both =
  (f: (x: number, y: number) => number): Operation =>
  (inputs) => [zip(f, input(inputs, 0), input(inputs, 1))];

const many =
  (f: (values: number[]) => number): Operation =>
  (inputs) => [zip((...values) => f(values), ...inputs)];

const clamp = (x: number, least: number, most: number): number => Math.min(Math.max(x, least), most);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  if (x - down !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

export const elementwise: Operations = {
  Abs: each(Math.abs),
  Ceil: each(Math.ceil),
  Cos: each(Math.cos),
  Erf: each(erf),
  Exp: each(Math.exp),
  Floor: each(Math.floor),
  Identity: each((x) => x),
  IsNaN: each((x) => truth(Number.isNaN(x))),
  Log: each(Math.log),
  Neg: each((x) => -x),
  Not: each((x) => truth(x === 0)),
  Reciprocal: each((x) => 1 / x),
  Relu: each((x) => Math.max(x, 0)),
  Round: each(roundHalfToEven),
  Sigmoid: each(sigmoid),
  Sign: each(Math.sign),
  Sin: each(Math.sin),
  Softplus: each((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Softsign: each((x) => x / (1 + Math.abs(x))),
  Sqrt: each(Math.sqrt),
  Tanh: each(Math.tanh),
  HardSwish: each((x) => x * clamp(x / 6 + 0.5, 0, 1)),

  LeakyRelu: (inputs, a) => each((x) => (x < 0 ? x * float(a, 'alpha', 0.01) : x))(inputs, a, 1),
  Elu: (inputs, a) => each((x) => (x < 0 ? float(a, 'alpha', 1) * Math.expm1(x) : x))(inputs, a, 1),
  Celu: (inputs, a) => {
    const alpha = float(a, 'alpha', 1);
    return each((x) => (x < 0 ? alpha * Math.expm1(x / alpha) : x))(inputs, a, 1);
  },
  Selu: (inputs, a) => {
    const alpha = float(a, 'alpha', 1.6732631921768188);
    const gamma = float(a, 'gamma', 1.0507010221481323);
    return each((x) => gamma * (x < 0 ? alpha * Math.expm1(x) : x))(inputs, a, 1);
  },
  HardSigmoid: (inputs, a) =>
    each((x) => clamp(float(a, 'alpha', 0.2) * x + float(a, 'beta', 0.5), 0, 1))(inputs, a, 1),
  PRelu: both((x, slope) => (x < 0 ? slope * x : x)),
  Clip: (inputs) => [
    zip(
      (x, ...bounds) => clamp(x, bounds[0] ?? Number.NEGATIVE_INFINITY, bounds[1] ?? Number.POSITIVE_INFINITY),
      ...inputs,
    ),
  ],
  // The whole number or truth behind a cast, by ONNX's number of the type; numbers with a fraction stay as they are.
  Cast: (inputs, a) => {
    const to = int(a, 'to', 1);
    if (to === 9) return each((x) => truth(x !== 0))(inputs, a, 1);
    return to === 6 || to === 7 ? each(Math.trunc)(inputs, a, 1) : [input(inputs, 0)];
  },

  Add: both((x, y) => x + y),
  Sub: both((x, y) => x - y),
  Mul: both((x, y) => x * y),
  Div: both((x, y) => x / y),
  Pow: both((x, y) => x ** y),
  Mod: (inputs, a) => both((x, y) => (int(a, 'fmod', 0) === 1 ? x % y : x - y * Math.floor(x / y)))(inputs, a, 1),
  And: both((x, y) => truth(x !== 0 && y !== 0)),
  Or: both((x, y) => truth(x !== 0 || y !== 0)),
  Xor: both((x, y) => truth((x !== 0) !== (y !== 0))),
  Equal: both((x, y) => truth(x === y)),
  Greater: both((x, y) => truth(x > y)),
  GreaterOrEqual: both((x, y) => truth(x >= y)),
  Less: both((x, y) => truth(x < y)),
  LessOrEqual: both((x, y) => truth(x <= y)),
  Min: many((values) => Math.min(...values)),
  Max: many((values) => Math.max(...values)),
  Sum: many((values) => values.reduce((sum, value) => sum + value, 0)),
  Mean: many((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  Where: (inputs) => [zip((condition, yes, no) => (condition !== 0 ? yes : no) as number, ...inputs)],
};
