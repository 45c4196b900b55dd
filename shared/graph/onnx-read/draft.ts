import type { NetworkConstant } from '../../plan/network.ts';
import type { Attributes, ElementType, Value } from '../graph.ts';
import { GraphError } from '../graph-error.ts';
import { inferOutputs } from '../operators.ts';
import { compositeOutputs } from './composites.ts';
import { evaluate, type Known } from './evaluate.ts';
import type { FileTensor } from './file-model.ts';
import { fixedAttributes } from './fixed-attributes.ts';
import type { OnnxLimits } from './limits.ts';
import { OnnxError, shown } from './onnx-error.ts';
import { constantData, type DraftNode, type Origin, type Side, sameShape, type Traced } from './traced.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Numbers of rows the network is followed with. Primes, so that products of lengths cannot be mistaken for them. */
export const tracedRows = [101, 103] as const;

/**
 * The network while it is being read: values followed with two numbers of rows, arithmetic on shapes done at once, everything
 * else kept as nodes of operator set 17.
 */
export class Draft {
  readonly nodes: DraftNode[] = [];
  readonly rows: readonly [number, number];
  readonly #limits: OnnxLimits;
  #values = 0;
  #computed = 0;

  constructor(limits: OnnxLimits, rows: readonly [number, number] = tracedRows) {
    this.#limits = limits;
    this.rows = rows;
  }

  input(input: 'features' | 'payload', shape: readonly number[]): Traced {
    const side = (rows: number): Side => ({ shape: [rows, ...shape], known: null });
    return this.#value(input, 'float', { kind: 'input', input }, [side(this.rows[0]), side(this.rows[1])]);
  }

  stored(name: string, shape: readonly number[], data: Float32Array): Traced {
    const side: Side = { shape, known: null };
    return this.#value(name, 'float', { kind: 'stored', name, shape, data }, [side, side]);
  }

  known(type: ElementType, shape: readonly number[], values: ArrayLike<number | bigint>): Traced {
    this.#afford(shape);
    const list = Float64Array.from(values as ArrayLike<number>, Number);
    const side: Side = { shape, known: { type, shape, values: type === 'float' ? list.map(Math.fround) : list } };
    return this.#value('', type, { kind: 'known' }, [side, side]);
  }

  /** Contents that differ with the rows. */
  knownSides(type: ElementType, sides: readonly [Known, Known]): Traced {
    const [a, b] = sides;
    return this.#value('', type, { kind: 'known' }, [
      { shape: a.shape, known: a },
      { shape: b.shape, known: b },
    ]);
  }

  floats = (...values: number[]): Traced => this.known('float', [values.length], values);
  scalar = (value: number): Traced => this.known('float', [], [value]);
  integers = (values: readonly number[]): Traced => this.known('int64', [values.length], values);

  /** A stored tensor that is no parameter: an integer, a truth value, or a single number without axes. */
  constant({ name, type, shape, data }: FileTensor): Traced {
    if (type === 'float16') {
      throw new OnnxError('unsupported_type', `tensor ${shown(name)} is in float16; export the network in float32`);
    }
    // Networks are computed in float32, whatever width their numbers were stored in.
    return this.known(type === 'double' ? 'float' : type, shape, data);
  }

  op(operator: string, inputs: readonly Traced[], attributes: Attributes = {}): Traced {
    return this.ops(operator, inputs, attributes, 1)[0] as Traced;
  }

  /** @throws OnnxError when the operator is not on the list, or its inputs do not fit together */
  ops(operator: string, inputs: readonly Traced[], attributes: Attributes, count: number): Traced[] {
    const inferred = this.#infer(operator, inputs, attributes, count);
    if (count === 1 && inputs.length > 0 && inputs.every((input) => input.sides[0].known !== null)) {
      const [output] = inferred;
      for (const { shape } of [...(output?.sides.slice(0, 1) ?? []), ...inputs.map(({ sides }) => sides[0])]) {
        this.#afford(shape);
      }
      const side = (at: 0 | 1): Known | null =>
        evaluate(
          operator,
          inputs.map((input) => input.sides[at].known as Known),
          fixedAttributes(attributes),
        );
      const a = side(0);
      const b = inputs.every(({ sides }) => sides[0].known === sides[1].known) ? a : side(1);
      if (a !== null && b !== null) return [this.knownSides(a.type, [a, b])];
    }
    const node: DraftNode = {
      operator,
      inputs: inputs.map((input) => this.#materialise(input)),
      outputs: [],
      attributes,
    };
    for (const [index, { type, sides }] of inferred.entries()) {
      node.outputs.push(this.#value('', type, { kind: 'made', node, index }, sides));
    }
    if (this.nodes.length >= this.#limits.nodes) {
      throw new OnnxError(
        'over_limit',
        `the network has more than ${this.#limits.nodes} operators once it is written out`,
      );
    }
    this.nodes.push(node);
    return node.outputs;
  }

  #infer(
    operator: string,
    inputs: readonly Traced[],
    attributes: Attributes,
    count: number,
  ): { readonly type: ElementType; readonly sides: readonly [Side, Side] }[] {
    const [first, second] = [0, 1].map((at) => {
      const values = inputs.map(({ name, type, sides }): Value => {
        const { shape, known } = sides[at] as Side;
        return { name, type, shape, ...(known === null ? {} : { constant: constantData(known) }) };
      });
      return inferSide(operator, values, attributes, count);
    }) as [{ type: ElementType; shape: number[] }[], { type: ElementType; shape: number[] }[]];
    return first.map(({ type, shape }, index) => {
      const other = second[index]?.shape ?? [];
      if (shape.length !== other.length) {
        throw new OnnxError('dynamic_shape', `${operator}: the number of axes depends on the number of rows`, {
          operator,
        });
      }
      for (const length of [...shape, ...other]) {
        if (!Number.isSafeInteger(length) || length < 0) {
          throw new OnnxError(
            'dynamic_shape',
            `${operator} yields [${shape.join(', ')}], of which a length is not known`,
            {
              operator,
            },
          );
        }
      }
      // The lengths of one row; sixteen times the rows leaves room for heads and steps laid beside them.
      if (sizeOf(shape) > this.#limits.elements * 16) {
        throw new OnnxError('over_limit', `${operator} yields [${shape.join(', ')}], too large to be built`, {
          operator,
        });
      }
      return {
        type,
        sides: [
          { shape, known: null },
          { shape: other, known: null },
        ],
      };
    });
  }

  /** Bounds the work of shape arithmetic over the whole file. */
  #afford(shape: readonly number[]): void {
    this.#computed += sizeOf(shape) + 64;
    if (this.#computed > this.#limits.computed) {
      throw new OnnxError('over_limit', 'working out the constants of the file takes more numbers than is allowed');
    }
  }

  /** A constant as large as the rows is made from one row's where all rows are alike. */
  #materialise(value: Traced): Traced {
    const [a, b] = value.sides;
    if (a.known === null || b.known === null || sameShape(a.shape, b.shape)) return value;
    const [axis, ...others] = a.shape.flatMap((length, at) => (length === b.shape[at] ? [] : [at]));
    const row = axis === undefined || others.length > 0 ? null : oneRow(a.known, b.known, axis);
    if (row === null) {
      throw new OnnxError(
        'dynamic_shape',
        `a constant of shape [${a.shape.join(', ')}] would have to be made anew for each number of rows; make it in the network from its input, or of one row`,
      );
    }
    const shape = this.knownSides('int64', [shapeAsKnown(a.shape), shapeAsKnown(b.shape)]);
    const { type } = value;
    const node: DraftNode = {
      operator: 'Expand',
      inputs: [this.known(type, row.shape, row.values), shape],
      outputs: [],
      attributes: {},
    };
    node.outputs.push(
      this.#value('', type, { kind: 'made', node, index: 0 }, [
        { shape: a.shape, known: null },
        { shape: b.shape, known: null },
      ]),
    );
    this.nodes.push(node);
    return node.outputs[0] as Traced;
  }

  #value(name: string, type: ElementType, origin: Origin, sides: readonly [Side, Side]): Traced {
    return { name: name === '' ? `%${++this.#values}` : name, type, origin, sides };
  }
}

const shapeAsKnown = (shape: readonly number[]): Known => ({
  type: 'int64',
  shape: [shape.length],
  values: Float64Array.from(shape),
});

/** The part of a constant that one row has, when all rows of both sides have the same. */
function oneRow(a: Known, b: Known, axis: number): Known | null {
  const inner = sizeOf(a.shape.slice(axis + 1));
  const outer = sizeOf(a.shape.slice(0, axis));
  const shape = a.shape.with(axis, 1);
  const values = new Float64Array(outer * inner);
  for (let block = 0; block < outer; block++) {
    for (let at = 0; at < inner; at++) {
      values[block * inner + at] = a.values[block * (a.shape[axis] as number) * inner + at] as number;
    }
  }
  for (const side of [a, b]) {
    const length = side.shape[axis] as number;
    for (let index = 0; index < side.values.length; index++) {
      const block = Math.floor(index / (length * inner));
      if (!Object.is(side.values[index], values[block * inner + (index % inner)])) return null;
    }
  }
  return { type: a.type, shape, values };
}

/** @throws OnnxError `unsupported_operator`, `unsupported_form` */
export function inferSide(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
  count: number,
): { readonly type: ElementType; readonly shape: readonly number[] }[] {
  try {
    const found =
      compositeOutputs(operator, inputs, attributes, count) ?? inferOutputs(operator, inputs, attributes, count);
    return found.map(({ type, shape }) => ({ type, shape: shape.map(Number) }));
  } catch (cause) {
    if (!(cause instanceof GraphError)) throw cause;
    if (cause.code === 'unknown_operator') {
      throw new OnnxError(
        'unsupported_operator',
        `the operator ${operator} is not on the list of those that can be trained; docs/bring-your-own.md has the list`,
        { operator },
        cause,
      );
    }
    throw new OnnxError(
      'unsupported_form',
      `the network does not hold together: ${cause.message}`,
      { operator },
      cause,
    );
  }
}

/** A known value as a constant of the plan. @throws OnnxError `dynamic_shape`, `not_finite` */
export function networkConstant(name: string, value: Traced, rows: readonly [number, number]): NetworkConstant {
  const [a, b] = value.sides.map((side) => side.known) as [Known, Known];
  const values = Array.from(a.values, (left, at): NetworkConstant['values'][number] => {
    const right = b.values[at] as number;
    if (Object.is(left, right)) {
      if (left === Number.POSITIVE_INFINITY) return 'Infinity';
      if (left === Number.NEGATIVE_INFINITY) return '-Infinity';
      if (Number.isNaN(left)) throw new OnnxError('not_finite', 'a constant of the network is not a number');
      return Object.is(left, -0) ? 0 : left;
    }
    const times = left / rows[0];
    if (!Number.isInteger(times) || times < 1 || times * rows[1] !== right) {
      throw new OnnxError(
        'dynamic_shape',
        `a length is ${left} for ${rows[0]} rows and ${right} for ${rows[1]}: lengths may only be fixed or a multiple of the rows`,
      );
    }
    return { rows: times };
  });
  const [first] = values;
  const alike = values.length > 1 && values.every((one) => typeof one === 'number' && one === first);
  return {
    name,
    type: value.type as NetworkConstant['type'],
    shape: [...a.shape],
    values: alike ? [first as number] : values,
  };
}
