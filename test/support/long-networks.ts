import { encodedFeatures } from '../../shared/graph/encoding.ts';
import type { Value } from '../../shared/graph/graph.ts';
import { GraphBuilder } from '../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../shared/graph/onnx-file.ts';
import { type NetworkSpec, networkSchema } from '../../shared/plan/network.ts';
import { type Plan, planSchema } from '../../shared/plan/plan.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { planAround } from './brought-plans.ts';

/** Networks and models of few values and few bytes that would take a machine minutes to years for one row. */

const features = encodedFeatures(planAround({})).length;

type Nodes = NetworkSpec['nodes'];
type Parts = Partial<NetworkSpec> & Pick<NetworkSpec, 'nodes'>;

const constant = (name: string, shape: number[], values: number[], type: 'float' | 'int64' = 'float') => ({
  name,
  type,
  shape,
  values,
});

/** The plan around a linear model m of the columns [rows, 1] and what the nodes make of it, `last`, whose mean is added. */
function planOf({ nodes, parameters = [], ...others }: Parts): Plan {
  const network: NetworkSpec = networkSchema.parse({
    source: { sha256: 'a'.repeat(64), producer: '', operatorSet: 17 },
    inputs: [{ name: 'features', shape: [features] }],
    parameters: [...parameters, { name: 'w', shape: [features, 1], role: 'weight' }].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    ),
    nodes: [
      { operator: 'MatMul', inputs: ['features', 'w'], outputs: ['m'] },
      ...nodes,
      { operator: 'Reshape', inputs: ['last', 'flat'], outputs: ['flattened'] },
      { operator: 'ReduceMean', inputs: ['flattened'], outputs: ['mean'], attributes: { axes: { ints: [1] } } },
      { operator: 'Add', inputs: ['m', 'mean'], outputs: ['y'] },
    ],
    output: 'y',
    outputs: 1,
    lastLayer: [],
    ...others,
    constants: [...(others.constants ?? []), constant('flat', [2], [0, -1], 'int64')],
  });
  return planSchema.parse({ ...planAround({}), model: { family: 'onnx', network, weights: digestOf('weights') } });
}

const chain = (count: number, first: string, each: (from: string, to: string) => Nodes[number]): Nodes =>
  Array.from({ length: count }, (_, at) => each(at === 0 ? first : `c${at}`, at === count - 1 ? 'last' : `c${at + 1}`));

/** `m` as a value of this shape a row. */
const spread = (shape: number[]) => ({
  constants: [
    constant('single', [1 + shape.length], [-1, ...shape.map(() => 1)], 'int64'),
    constant('wide', [1 + shape.length], [1, ...shape], 'int64'),
  ],
  nodes: [
    { operator: 'Reshape', inputs: ['m', 'single'], outputs: ['one'] },
    { operator: 'Expand', inputs: ['one', 'wide'], outputs: ['s'] },
  ],
});

/** The values r0, r1 … added up, the first twice. */
const sumOf = (count: number): Nodes =>
  chain(count, 'r0', (from, to) => ({
    operator: 'Add',
    inputs: [from, `r${from === 'r0' ? 0 : from.slice(1)}`],
    outputs: [to],
  }));

const weight = (name: string, ...shape: number[]) => ({ name, shape, role: 'weight' as const });

/** A pool of means over windows of this side, around every pixel of an image of 500 x 500 made of each row. */
export function poolPlan(side: number): Plan {
  const { constants, nodes } = spread([1, 500, 500]);
  const border = (side - 1) / 2;
  const attributes = { kernel_shape: { ints: [side, side] }, pads: { ints: [border, border, border, border] } };
  return planOf({
    constants,
    nodes: [...nodes, { operator: 'AveragePool', inputs: ['s'], outputs: ['last'], attributes }],
  });
}

/** Plans by what takes long in them; each is of few parameters and values. */
export const longPlans: readonly (readonly [string, () => Plan])[] = [
  [
    'a chain of products with one weight',
    () => {
      const { constants, nodes } = spread([64, 2048]);
      const products = chain(900, 's', (from, to) => ({ operator: 'MatMul', inputs: [from, 'v'], outputs: [to] }));
      return planOf({ constants, nodes: [...nodes, ...products], parameters: [weight('v', 2048, 2048)] });
    },
  ],
  [
    'products of weights alone, which every batch needs anew',
    () =>
      planOf({
        parameters: [weight('v', 4096, 4096)],
        nodes: [
          ...chain(14, 'v', (from, to) => ({
            operator: 'Gemm',
            inputs: [from, 'v'],
            outputs: [to === 'last' ? 'p' : to],
          })),
          { operator: 'ReduceMean', inputs: ['p'], outputs: ['q'], attributes: { axes: { ints: [0] } } },
          { operator: 'MatMul', inputs: ['m', 'q'], outputs: ['last'] },
        ],
      }),
  ],
  [
    'a convolution with a kernel as large as an image',
    () => {
      const { constants, nodes } = spread([1, 500, 500]);
      const pads = { pads: { ints: [249, 249, 250, 250] } };
      return planOf({
        constants,
        nodes: [...nodes, { operator: 'Conv', inputs: ['s', 'v'], outputs: ['last'], attributes: pads }],
        parameters: [weight('v', 8, 1, 500, 500)],
      });
    },
  ],
  [
    'a transposed convolution with a large kernel',
    () => {
      const { constants, nodes } = spread([4, 500, 500]);
      const pads = { pads: { ints: [249, 249, 250, 250] } };
      return planOf({
        constants,
        nodes: [...nodes, { operator: 'ConvTranspose', inputs: ['s', 'v'], outputs: ['last'], attributes: pads }],
        parameters: [weight('v', 4, 1, 500, 500)],
      });
    },
  ],
  [
    'sums over pairs of indices by Einsum',
    () => {
      const { constants, nodes } = spread([1500, 1500]);
      const attributes = { equation: { string: 'nab,nbc->nac' } };
      const sums = chain(80, 's', (from, to) => ({
        operator: 'Einsum',
        inputs: [from, 's'],
        outputs: [to],
        attributes,
      }));
      return planOf({ constants, nodes: [...nodes, ...sums] });
    },
  ],
  ['a pool of large windows', () => poolPlan(401)],
  [
    'sums of one large value, thousands of them',
    () => {
      const { constants, nodes } = spread([2_000_000]);
      const sums = Array.from({ length: 3000 }, (_, at) => ({
        operator: 'ReduceSum',
        inputs: ['s', 'axis'],
        outputs: [`r${at}`],
      }));
      return planOf({
        constants: [...constants, constant('axis', [1], [1], 'int64')],
        nodes: [...nodes, ...sums, ...sumOf(3000)],
      });
    },
  ],
];

/** A network with little to compute, whose derivatives are much: each of many single numbers is put back into a large value of its own. */
export function longDerivatives(): Plan {
  const { constants, nodes } = spread([10_000_000]);
  const numbers = Array.from({ length: 4500 }, (_, at) => ({
    operator: 'Slice',
    inputs: ['s', 'from', 'to', 'axis'],
    outputs: [`r${at}`],
  }));
  return planOf({
    constants: [
      ...constants,
      ...['axis', 'to'].map((name) => constant(name, [1], [1], 'int64')),
      constant('from', [1], [0], 'int64'),
    ],
    nodes: [...nodes, ...numbers, ...sumOf(4500)],
  });
}

/** A model of one column whose answer is the largest of the values that `make` has it compute. */
export function modelComputing(make: (b: GraphBuilder, one: Value) => Value): Uint8Array {
  const builder = new GraphBuilder('crafted');
  const features = builder.input('features', 'float', ['N', 1]);
  const computed = builder.op('ReduceMax', [make(builder, builder.sum(features))], { keepdims: { int: 0 } });
  builder.output('probability', builder.squeeze(builder.mul(features, computed), 1));
  return encodeOnnx(builder.finish());
}

const filled = (b: GraphBuilder, ...shape: number[]): Value => b.op('ConstantOfShape', [b.integers('shape', shape)]);
const repeated = (b: GraphBuilder, one: Value, ...shape: number[]): Value =>
  b.op('Expand', [one, b.integers('shape', shape)]);

function products(b: GraphBuilder, start: Value, weight: Value, count: number): Value {
  let value = start;
  for (let at = 0; at < count; at++) value = b.op('MatMul', [value, weight]);
  return value;
}

/** Files of released models by what takes long in them. */
export const longModels: readonly (readonly [string, () => Uint8Array])[] = [
  [
    '30,000 products with one weight',
    () => modelComputing((b, one) => products(b, repeated(b, one, 2048, 2048), filled(b, 2048, 2048), 30_000)),
  ],
  [
    '200 products of what never changes, which a runtime makes when it opens the file',
    () => modelComputing((b, one) => b.mul(one, products(b, filled(b, 2048, 2048), filled(b, 2048, 2048), 200))),
  ],
  [
    'sums over two indices by Einsum',
    () =>
      modelComputing((b, one) => {
        const value = repeated(b, one, 2500, 200, 200);
        return b.op('Einsum', [value, value], { equation: { string: 'abc,dbc->ad' } });
      }),
  ],
  [
    'a convolution with a kernel as large as an image',
    () =>
      modelComputing((b, one) =>
        b.op('Conv', [repeated(b, one, 1, 1, 1000, 1000), filled(b, 1, 1, 1000, 1000)], {
          pads: { ints: [500, 500, 499, 499] },
        }),
      ),
  ],
  [
    'a pool of large windows',
    () =>
      modelComputing((b, one) =>
        b.op('AveragePool', [repeated(b, one, 1, 1, 2000, 2000)], {
          kernel_shape: { ints: [1001, 1001] },
          pads: { ints: [500, 500, 500, 500] },
        }),
      ),
  ],
];
