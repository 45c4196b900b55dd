import type { Attributes, Dimension, Graph, GraphNode, Value } from '../../../shared/graph/graph.ts';

/** Nodes and constants that stand for one node. */
class Expansion {
  readonly nodes: GraphNode[] = [];
  readonly constants: Value[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  op(operator: string, inputs: readonly Value[], shape: readonly Dimension[], attributes: Attributes = {}): Value {
    const output = this.value(shape);
    this.into(output, operator, inputs, attributes);
    return output;
  }

  into(output: Value, operator: string, inputs: readonly Value[], attributes: Attributes = {}): void {
    this.nodes.push({ operator, inputs, outputs: [output], attributes });
  }

  scalar(number: number): Value {
    return this.#constant('float', [], Float32Array.of(number));
  }

  integers(numbers: readonly number[]): Value {
    return this.#constant('int64', [numbers.length], BigInt64Array.from(numbers, BigInt));
  }

  value(shape: readonly Dimension[]): Value {
    return { name: `${this.#name}/expanded.${this.nodes.length}.${this.constants.length}`, type: 'float', shape };
  }

  #constant(type: 'float' | 'int64', shape: readonly number[], constant: NonNullable<Value['constant']>): Value {
    const value = { ...this.value(shape), type, constant };
    this.constants.push(value);
    return value;
  }
}

const floatOf = (attributes: Attributes, name: string, otherwise: number): number => {
  const found = attributes[name];
  return found !== undefined && 'float' in found ? found.float : otherwise;
};

/** y = scale · (x - m) / √(v + ε) + shift with mean and variance of the batch; running means kept by `momentum` (ONNX, BatchNormalization 15). */
function expanded(node: GraphNode): Expansion {
  const [x, scale, shift, mean, variance] = node.inputs as [Value, Value, Value, Value, Value];
  const [y, nextMean, nextVariance] = node.outputs as [Value, Value?, Value?];
  const made = new Expansion(y.name);
  const channels = x.shape.slice(1, 2);
  const wide = x.shape.map((length, axis) => (axis === 1 ? length : 1));
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const keep = { keepdims: { int: 1 }, axes: { ints: axes } } as const;
  const batchMean = made.op('ReduceMean', [x], wide, keep);
  const centred = made.op('Sub', [x, batchMean], x.shape);
  const batchVariance = made.op('ReduceMean', [made.op('Mul', [centred, centred], x.shape)], wide, keep);
  const spread = made.op(
    'Sqrt',
    [made.op('Add', [batchVariance, made.scalar(floatOf(node.attributes, 'epsilon', 1e-5))], wide)],
    wide,
  );
  const across = made.integers(wide.map((_, axis) => (axis === 1 ? -1 : 1)));
  const scaled = made.op(
    'Mul',
    [made.op('Div', [centred, spread], x.shape), made.op('Reshape', [scale, across], wide)],
    x.shape,
  );
  made.into(y, 'Add', [scaled, made.op('Reshape', [shift, across], wide)]);
  const momentum = floatOf(node.attributes, 'momentum', 0.9);
  const flat = made.integers([-1]);
  const running = (next: Value | undefined, before: Value, now: Value): void => {
    if (next === undefined) return;
    const old = made.op('Mul', [before, made.scalar(momentum)], channels);
    const fresh = made.op('Mul', [made.op('Reshape', [now, flat], channels), made.scalar(1 - momentum)], channels);
    made.into(next, 'Add', [old, fresh]);
  };
  running(nextMean, mean, batchMean);
  running(nextVariance, variance, batchVariance);
  return made;
}

const trains = ({ operator, attributes: { training_mode: mode } }: GraphNode): boolean =>
  operator === 'BatchNormalization' && mode !== undefined && 'int' in mode && mode.int === 1;

/**
 * The graph with simpler operators for each batch normalisation in training mode, which onnxruntime has for the CPU only: on webgpu it refuses
 * the node when it is run. Also inside the bodies of loops.
 */
export function expandBatchNormalisation(graph: Graph): Graph {
  const constants: Value[] = [...graph.constants];
  const nodes = graph.nodes.flatMap((node): readonly GraphNode[] => {
    if (trains(node)) {
      const made = expanded(node);
      constants.push(...made.constants);
      return made.nodes;
    }
    const inside = Object.entries(node.attributes).map(
      ([name, attribute]) =>
        [name, 'graph' in attribute ? { graph: expandBatchNormalisation(attribute.graph) } : attribute] as const,
    );
    return [{ ...node, attributes: Object.fromEntries(inside) }];
  });
  return { ...graph, constants, nodes };
}
