import type { Attributes, ConstantData, Dimension, ElementType, Graph, GraphNode, Value } from './graph.ts';
import { shapeText } from './graph.ts';
import { GraphError } from './graph-error.ts';
import { elementTypes } from './onnx-file.ts';
import { inferOutputs } from './operators.ts';

/**
 * Builds one graph, value by value. Shapes are inferred as nodes are added, so a graph that does not fit together
 * fails where it is written, not in the runtime.
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #constants: Value[] = [];
  readonly #nodes: GraphNode[] = [];
  readonly #names = new Set<string>();
  readonly #scalars = new Map<string, Value>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Nodes so far, each after those it depends on. */
  get nodes(): readonly GraphNode[] {
    return this.#nodes;
  }

  /** @throws GraphError `duplicate_name` */
  input(name: string, type: ElementType, shape: readonly Dimension[]): Value {
    const value = { name: this.#claim(name), type, shape };
    this.#inputs.push(value);
    return value;
  }

  /** A constant, of floats when `type` is absent. `data.length` must be the product of `shape`. */
  constant(hint: string, shape: readonly number[], data: ConstantData, type: ElementType = 'float'): Value {
    return this.#constant(hint, type, shape, data);
  }

  /** A constant of doubles, one axis; a single number has none. */
  doubles(hint: string, values: number | readonly number[]): Value {
    return typeof values === 'number'
      ? this.#constant(hint, 'double', [], Float64Array.of(values))
      : this.#constant(hint, 'double', [values.length], Float64Array.from(values));
  }

  /** A constant of integers, one axis. */
  integers(hint: string, values: readonly number[]): Value {
    return this.#constant(hint, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** A float constant without axes; equal numbers share one. Rounded to float32. */
  scalar(number: number): Value {
    const key = Object.is(number, -0) ? '-0' : String(number);
    const known = this.#scalars.get(key);
    if (known !== undefined) return known;
    const value = this.constant(`scalar.${key}`, [], Float32Array.of(number));
    this.#scalars.set(key, value);
    return value;
  }

  /**
   * Adds an operator of ONNX's set 17 and returns its output.
   * @throws GraphError `unknown_operator`, `shape_mismatch`
   */
  op(operator: string, inputs: readonly Value[], attributes: Attributes = {}, hint?: string): Value {
    return this.ops(operator, inputs, attributes, 1, hint)[0] as Value;
  }

  /**
   * Adds an operator with several outputs, such as Split, and returns them. An operator may be asked for fewer outputs than it has.
   * @throws GraphError `unknown_operator`, `shape_mismatch`
   */
  ops(operator: string, inputs: readonly Value[], attributes: Attributes, count: number, hint?: string): Value[] {
    const outputs = inferOutputs(operator, inputs, attributes, count).map((inferred) => ({
      name: this.#fresh(hint ?? operator),
      ...inferred,
    }));
    this.#nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }

  /** Makes `value` an output of the graph under `name`. */
  output(name: string, value: Value): void {
    const output = { name: this.#claim(name), type: value.type, shape: value.shape };
    this.#nodes.push({ operator: 'Identity', inputs: [value], outputs: [output], attributes: {} });
    this.#outputs.push(output);
  }

  finish(): Graph {
    return {
      name: this.#name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      constants: this.#constants,
      nodes: this.#nodes,
    };
  }

  add = (a: Value, b: Value): Value => this.op('Add', [a, b]);
  sub = (a: Value, b: Value): Value => this.op('Sub', [a, b]);
  mul = (a: Value, b: Value): Value => this.op('Mul', [a, b]);
  div = (a: Value, b: Value): Value => this.op('Div', [a, b]);
  neg = (a: Value): Value => this.op('Neg', [a]);

  /** a · b with optional transposes, both of rank 2, plus c where given. */
  gemm(a: Value, b: Value, c?: Value, transposed: { a?: boolean; b?: boolean } = {}): Value {
    return this.op('Gemm', c === undefined ? [a, b] : [a, b, c], {
      ...(transposed.a === true ? { transA: { int: 1 } } : {}),
      ...(transposed.b === true ? { transB: { int: 1 } } : {}),
    });
  }

  /** Sum over the axes, or over all of them. */
  sum(value: Value, axes?: readonly number[], keep = false): Value {
    const inputs = axes === undefined ? [value] : [value, this.integers('axes', axes)];
    return this.op('ReduceSum', inputs, { keepdims: { int: keep ? 1 : 0 } });
  }

  /** Mean over all axes. */
  mean = (value: Value): Value => this.op('ReduceMean', [value], { keepdims: { int: 0 } });

  cast(value: Value, type: ElementType): Value {
    return this.op('Cast', [value], { to: { int: elementTypes[type] } });
  }

  squeeze = (value: Value, axis: number): Value => this.op('Squeeze', [value, this.integers('axes', [axis])]);
  unsqueeze = (value: Value, axis: number): Value => this.op('Unsqueeze', [value, this.integers('axes', [axis])]);

  #constant(hint: string, type: ElementType, shape: readonly number[], data: ConstantData): Value {
    const size = shape.reduce((product, length) => product * length, 1);
    if (size !== data.length) {
      throw new GraphError('shape_mismatch', `constant ${hint} ${shapeText(shape)} is given ${data.length} values`);
    }
    const value = { name: this.#fresh(hint), type, shape, constant: data };
    this.#constants.push(value);
    return value;
  }

  #claim(name: string): string {
    if (this.#names.has(name)) throw new GraphError('duplicate_name', `the graph has a value ${name} already`);
    this.#names.add(name);
    return name;
  }

  #fresh(hint: string): string {
    return this.#claim(`${hint}#${this.#names.size}`);
  }
}
