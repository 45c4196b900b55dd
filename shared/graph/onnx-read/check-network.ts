import type { NetworkSpec } from '../../plan/network.ts';
import { payloadShape } from '../../plan/payload.ts';
import type { Plan } from '../../plan/plan.ts';
import { compareNames } from '../../tensors/safetensors.ts';
import { encodedFeatures } from '../encoding.ts';
import { outputWidth } from '../families/output-width.ts';
import type { ConstantData, ElementType } from '../graph.ts';
import { intsAttribute } from '../operators.ts';
import { nodeProblem } from './check-node.ts';
import { directionsOf, isRecurrent, mostSteps } from './composites.ts';
import { constantAt, growsWithRows } from './constant-values.ts';
import { inferSide, tracedRows } from './draft.ts';
import type { Known } from './evaluate.ts';
import { defaultLimits, type OnnxLimits } from './limits.ts';
import { OnnxError, shown } from './onnx-error.ts';
import { isReserved } from './parameter-names.ts';
import { type Rows, rowsAt, rowsThrough } from './row-axis.ts';
import { constantData, sameShape } from './traced.ts';

/** Operators that may be in a file's graph but not in a plan's network. */
const refused = new Set(['Constant', 'Scan', 'If', 'Loop']);

interface Seen {
  readonly type: ElementType;
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly contents?: { readonly a: Contents; readonly b: Contents };
  readonly rows: Rows | null;
  readonly role?: NetworkSpec['parameters'][number]['role'];
}

/** What a constant holds, in the two forms it is asked for: made once, however many nodes use it. */
interface Contents {
  readonly numbers: readonly number[];
  readonly data: ConstantData;
}

const contentsOf = (known: Known): Contents => ({ numbers: Array.from(known.values), data: constantData(known) });

export interface CheckedNetwork {
  /** Operator through which a row's output depends on other rows in training; null when there is none. */
  readonly mixesRows: string | null;
  /** By name of each dropout's output: values before one row in row-major order, 1 where rows are the first axis. */
  readonly dropoutBefore: ReadonlyMap<string, number>;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function fail(code: ConstructorParameters<typeof OnnxError>[0], message: string): never {
  throw new OnnxError(code, `model.network: ${message}`);
}

/**
 * Checks a network that came with a plan before anything is built of it: names, order, operators, shapes with any number of rows, the
 * size of what it computes, that no row's output depends on another row (but for BatchNormalization in training), and that inputs
 * and output are those of the plan.
 * @throws OnnxError
 */
export function checkNetwork(network: NetworkSpec, plan: Plan, limits: OnnxLimits = defaultLimits): CheckedNetwork {
  const seen = new Map<string, Seen>();
  const claim = (name: string, value: Seen): void => {
    if (seen.has(name)) fail('duplicate_name', `two values are named ${shown(name)}`);
    seen.set(name, value);
  };
  const [one, two] = tracedRows;
  const features = encodedFeatures(plan).length;
  for (const { name, shape } of network.inputs) {
    const expected =
      name === 'features' ? [features] : plan.data.payload === undefined ? [] : payloadShape(plan.data.payload);
    if (shape.length !== expected.length || shape.some((length, axis) => length !== expected[axis])) {
      fail(
        'wrong_input',
        `it takes ${name} [${shape.join(', ')}] of a row; the plan's data give [${expected.join(', ')}]`,
      );
    }
    const a = [one, ...shape];
    const b = [two, ...shape];
    claim(name, { type: 'float', a, b, rows: rowsAt({ a, b }, 1, one) ?? null });
  }
  let elements = 0;
  for (const [index, { name, shape, role }] of network.parameters.entries()) {
    const former = network.parameters[index - 1];
    if (former !== undefined && compareNames(former.name, name) >= 0)
      fail('malformed', 'parameters must be sorted by name');
    if (isReserved(name))
      fail('name_invalid', `${shown(name)} cannot be the name of a parameter: it is used for something else`);
    // As large as one row: a shape that differs from it with the rows would not be a parameter's.
    elements += sizeOf(shape);
    if (!(elements <= limits.elements)) fail('over_limit', `it has more than ${limits.elements} weights`);
    claim(name, { type: 'float', a: shape, b: shape, rows: null, role });
  }
  // A single number may stand for a whole tensor: counted before any is written out.
  const numbers = network.constants.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (!(numbers <= limits.constantElements)) {
    fail('over_limit', `its constants have ${numbers} values; the most is ${limits.constantElements}`);
  }
  for (const constant of network.constants) {
    const a = constantAt(constant, one);
    const contents = contentsOf(a);
    const other = growsWithRows(constant) ? contentsOf(constantAt(constant, two)) : contents;
    claim(constant.name, {
      type: constant.type,
      a: a.shape,
      b: a.shape,
      contents: { a: contents, b: other },
      rows: null,
    });
  }
  let mixesRows: string | null = null;
  const dropoutBefore = new Map<string, number>();
  let values = 0;
  let recurrentSteps = 0;
  let poolPlaces = 0;
  for (const [index, node] of network.nodes.entries()) {
    const where = `node ${index} (${node.operator})`;
    if (refused.has(node.operator)) fail('unsupported_operator', `${where} is refused`);
    const inputs = node.inputs.map((name): Seen => {
      const value = seen.get(name);
      if (value === undefined) fail('undefined_value', `${where} uses ${shown(name)}, which nothing before it makes`);
      return value;
    });
    const attributes = node.attributes ?? {};
    const sides = (['a', 'b'] as const).map((side) =>
      inferSide(
        node.operator,
        inputs.map((value, at) => {
          const contents = value.contents?.[side];
          const constant = contents === undefined ? {} : { constant: contents.data };
          return { name: node.inputs[at] ?? '', type: value.type, shape: value[side], ...constant };
        }),
        attributes,
        node.outputs.length,
      ),
    );
    const [first, second] = sides as [(typeof sides)[0], (typeof sides)[0]];
    const problem = nodeProblem(
      node,
      inputs.map(({ type, a, contents, role = null }, at) => ({
        name: shown(node.inputs[at] ?? ''),
        type,
        shape: a,
        numbers: contents?.a.numbers ?? null,
        growing: contents !== undefined && contents.a !== contents.b,
        role,
      })),
      limits,
    );
    if (problem !== null) fail(problem.code, `${where} ${problem.message}`);
    if (isRecurrent(node.operator)) {
      const steps = inputs[0]?.a[0] ?? 0;
      recurrentSteps += steps * directionsOf(attributes).length;
      if (recurrentSteps > mostSteps) {
        fail(
          'over_limit',
          `its recurrent layers take ${recurrentSteps} steps and more, which are laid out one after the other; the most is ${mostSteps}`,
        );
      }
    }
    const shapes = first.map(({ shape }, at) => ({ a: shape, b: second[at]?.shape ?? [] }));
    for (const { a, b } of shapes) {
      const size = sizeOf(a);
      if (!Number.isSafeInteger(size) || size > limits.elements * 16 || a.length !== b.length) {
        fail('over_limit', `${where} yields [${a.join(', ')}], too large to be built or of no definite length`);
      }
    }
    if (node.operator === 'MaxPool') {
      // Its derivative holds a number for each place in each window, and tells every place of a window from every other.
      const places = sizeOf(intsAttribute(attributes, 'kernel_shape') ?? []);
      poolPlaces += places * Math.max(places, sizeOf((shapes[0]?.a ?? []).slice(2)));
      if (!(poolPlaces <= limits.computed)) {
        fail(
          'over_limit',
          `${where} and the pools before it take ${poolPlaces} numbers for their derivatives; the most is ${limits.computed}: take smaller windows, or longer strides`,
        );
      }
    }
    const rows = rowsThrough({
      operator: node.operator,
      attributes,
      inputs: inputs.map(({ a, b, contents }) => ({ a, b, contents: contents?.a.numbers })),
      outputs: shapes,
      rows: inputs.map((value) => value.rows),
      count: one,
    });
    for (const [at, name] of node.outputs.entries()) {
      const place = rows[at];
      const shape = shapes[at] as { readonly a: readonly number[]; readonly b: readonly number[] };
      if (place === undefined || (place === null && !sameShape(shape.a, shape.b))) {
        fail(
          'rows_mixed',
          `${where} would put rows together: the prediction for one patient would depend on the others of the batch. The first axis of every input must stay that of rows; recurrent and attention layers need batch_first=True`,
        );
      }
      // Values of all operators of one row, so that a plan cannot ask a site for more memory than a machine has.
      values += place === null ? sizeOf(shape.a) : sizeOf(shape.a) / one;
      if (values > limits.elements * 4) fail('over_limit', 'one row would take too much memory');
      claim(name, { type: first[at]?.type ?? 'float', ...shape, rows: place });
      if (node.operator === 'Dropout') {
        if (place === null) fail('unsupported_form', `${where} is applied to values that no row has`);
        dropoutBefore.set(name, place.before);
      }
    }
    const trains = attributes.training_mode;
    if (node.operator === 'BatchNormalization' && trains !== undefined && 'int' in trains && trains.int === 1) {
      mixesRows = node.operator;
    }
  }
  const output = seen.get(network.output);
  const wanted = outputWidth(plan);
  const fits = output?.a.length === 2 && output.a[0] === one && output.b[0] === two && output.a[1] === wanted;
  if (output === undefined || output.type !== 'float' || !fits || network.outputs !== wanted || output.rows === null) {
    fail(
      'wrong_output',
      `its output is [${output?.a.join(', ') ?? ''}] for ${one} rows; the plan's task needs [rows, ${wanted}]`,
    );
  }
  const names = new Set(network.parameters.map(({ name }) => name));
  const stranger = network.lastLayer.find((name) => !names.has(name));
  if (stranger !== undefined) fail('undefined_value', `${shown(stranger)} of the last layer is no parameter`);
  return { mixesRows, dropoutBefore };
}
