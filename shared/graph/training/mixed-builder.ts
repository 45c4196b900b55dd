import type { Attributes, ConstantData, Dimension, ElementType, Value } from '../graph.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { halfBits } from '../vector-jacobian/numbers.ts';

/** Products: where time goes, and what devices have units for. In float16 always. */
const products = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum']);

/** Sums, statistics and steep functions: in float32. */
const reductions = new Set([
  ...['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare', 'ReduceL1', 'ReduceL2'],
  ...['ReduceLogSumExp', 'CumSum', 'ScatterElements', 'ScatterND', 'Exp', 'Log', 'Pow', 'Sqrt', 'Reciprocal'],
  ...['Softplus', 'LogSoftmax'],
]);

/** Computed in float32, the first result handed on in float16 where the values came so. */
const normalising = new Set([
  ...['Softmax', 'LayerNormalization', 'InstanceNormalization', 'BatchNormalization'],
  ...['AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
]);

/** Tensors of the same numbers in another shape: as exact as what they are made from. */
const layouts = new Set([
  'Identity',
  'Reshape',
  'Flatten',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Expand',
  'Slice',
  'Split',
]);

const isFloating = ({ type }: Value): boolean => type === 'float' || type === 'float16';

/**
 * A builder that chooses the element type of each node, so that one definition of a network serves both precisions (Micikevicius et al. 2018, Mixed
 * Precision Training). While `half` is true, matrix products and convolutions are computed in float16, and so are the element-wise operators that
 * follow them; sums, statistics, softmax and normalisations in float32. Where two types meet, constants, masks and the network's own tensors take
 * that of the values; of two values the wider type wins. The casts are nodes like others, so that gradients come back in the type of what they are for.
 */
export class MixedBuilder extends GraphBuilder {
  /** Off for the loss and the update. */
  half = true;
  readonly #casts = new Map<string, Value>();
  /** Names of values that take the type of what they meet. */
  readonly #yielding = new Set<string>();

  override input(name: string, type: ElementType, shape: readonly Dimension[]): Value {
    const value = super.input(name, type, shape);
    this.#yielding.add(name);
    return value;
  }

  override constant(hint: string, shape: readonly number[], data: ConstantData, type: ElementType = 'float'): Value {
    const value = super.constant(hint, shape, data, type);
    this.#yielding.add(value.name);
    return value;
  }

  override output(name: string, value: Value): void {
    super.output(name, this.#as(value, value.type === 'float16' ? 'float' : value.type));
  }

  override ops(
    operator: string,
    inputs: readonly Value[],
    attributes: Attributes,
    count: number,
    hint?: string,
  ): Value[] {
    if (operator === 'Cast') return this.#cast(inputs, attributes, count, hint);
    const type = this.#typeFor(operator, inputs);
    const yields = inputs.filter(isFloating).every(({ name }) => this.#yielding.has(name));
    const outputs = super.ops(
      operator,
      inputs.map((value) => (isFloating(value) ? this.#as(value, type) : value)),
      attributes,
      count,
      hint,
    );
    const back = this.half && normalising.has(operator) && inputs[0]?.type === 'float16';
    const results = outputs.map((output, index) => (back && index === 0 ? this.#as(output, 'float16') : output));
    if (yields && layouts.has(operator)) for (const { name } of results) this.#yielding.add(name);
    return results;
  }

  /** A truth turned into numbers is exact in any type, and takes that of what it meets. */
  #cast(inputs: readonly Value[], attributes: Attributes, count: number, hint?: string): Value[] {
    const outputs = super.ops('Cast', inputs, attributes, count, hint);
    const [from] = inputs;
    const [to] = outputs;
    if (from?.type === 'bool' && to !== undefined && isFloating(to)) this.#yielding.add(to.name);
    return outputs;
  }

  #typeFor(operator: string, inputs: readonly Value[]): 'float' | 'float16' {
    const floating = inputs.filter(isFloating);
    if (!this.half) return floating.some(({ type }) => type === 'float') || floating.length === 0 ? 'float' : 'float16';
    if (products.has(operator)) return 'float16';
    if (reductions.has(operator) || normalising.has(operator)) return 'float';
    const leading = floating.filter(({ name }) => !this.#yielding.has(name));
    const deciding = leading.length === 0 ? floating : leading;
    return deciding.length > 0 && deciding.every(({ type }) => type === 'float16') ? 'float16' : 'float';
  }

  #as(value: Value, type: ElementType): Value {
    if (value.type === type) return value;
    const key = `${type} ${value.name}`;
    const known = this.#casts.get(key);
    if (known !== undefined) return known;
    const yields = this.#yielding.has(value.name);
    const made =
      value.constant instanceof Float32Array && type === 'float16'
        ? super.constant(value.name, value.shape as number[], Uint16Array.from(value.constant, halfBits), 'float16')
        : this.cast(value, type);
    if (yields) this.#yielding.add(made.name);
    this.#casts.set(key, made);
    return made;
  }
}
