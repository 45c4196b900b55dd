import type { NetworkConstant, NetworkNode, NetworkSpec } from '../../plan/network.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';
import type { ForwardUse, Network } from '../network-types.ts';
import { checkNetwork } from '../onnx-read/check-network.ts';
import { isRecurrent } from '../onnx-read/composites.ts';
import { constantAt, growsWithRows } from '../onnx-read/constant-values.ts';
import { OnnxError } from '../onnx-read/onnx-error.ts';
import { unrolled } from '../onnx-read/recurrent.ts';
import { constantData } from '../onnx-read/traced.ts';
import { intAttribute } from '../operators.ts';
import { dropout } from './dropout.ts';

/**
 * The network of a plan with `model.family: onnx`, from the operators that stand in the plan itself. It is checked as if nobody had:
 * see `checkNetwork`.
 * @throws OnnxError
 */
export function broughtNetwork(plan: Plan): Network {
  const spec = plan.model.family === 'onnx' ? plan.model.network : undefined;
  if (spec === undefined) {
    throw new OnnxError(
      'wrong_input',
      'model.network is not there: the ONNX file is read when the plan is loaded from its own file',
    );
  }
  const { mixesRows, dropoutBefore } = checkNetwork(spec, plan);
  return {
    inputs: spec.inputs,
    parameters: spec.parameters.map((parameter) => ({ ...parameter, initial: { kind: 'zeros' } })),
    outputs: spec.outputs,
    lastLayer: spec.lastLayer,
    mixesRows,
    forward: (use) => forward(spec, use, dropoutBefore),
  };
}

/** How many rows there are, as a value: a number in training, the first input's length where it is known only at run time. */
function rowsOf(use: ForwardUse, spec: NetworkSpec): { readonly input: Value; readonly rows: number | string } {
  const input = use.inputs.get(spec.inputs[0]?.name ?? 'features');
  const rows = input?.shape[0];
  if (input === undefined || rows === undefined) throw new GraphError('wrong_input', 'the network is given no rows');
  return { input, rows };
}

function constantValue(
  builder: GraphBuilder,
  constant: NetworkConstant,
  { input, rows }: { readonly input: Value; readonly rows: number | string },
): Value {
  if (typeof rows === 'number' || !growsWithRows(constant)) {
    const known = constantAt(constant, typeof rows === 'number' ? rows : 1);
    return builder.constant('constant', known.shape, constantData(known), known.type);
  }
  // Lengths that grow with the rows are read from the input when the graph runs.
  const count = builder.op('Shape', [input], { start: { int: 0 }, end: { int: 1 } });
  const parts = constant.values.map((value): Value => {
    if (typeof value === 'object') {
      return value.rows === 1 ? count : builder.mul(count, builder.integers('times', [value.rows]));
    }
    return builder.integers('length', [Number(value)]);
  });
  return parts.length === 1 ? (parts[0] as Value) : builder.op('Concat', parts, { axis: { int: 0 } });
}

/**
 * Uniforms for a dropout, drawn with the rows as their first axis, so that a part of a batch takes its rows of them, and laid out as
 * the value is.
 */
function uniformsFor(use: ForwardUse, shape: readonly number[], rows: number, before: number): Value {
  const { builder } = use;
  const random = use.random as NonNullable<ForwardUse['random']>;
  const rest = shape.reduce((product, length) => product * length, 1) / (rows * before);
  const drawn = before === 1 ? random([rows, rest]) : random([rows, before, rest]);
  const turned = before === 1 ? drawn : builder.op('Transpose', [drawn], { perm: { ints: [1, 0, 2] } });
  return builder.op('Reshape', [turned, builder.integers('shape', shape)]);
}

function nodeOutputs(
  use: ForwardUse,
  node: NetworkNode,
  inputs: readonly Value[],
  place: { readonly rows: number | string; readonly before: number },
  buffers: Map<string, Value>,
): Value[] {
  const { builder, random } = use;
  const attributes = node.attributes ?? {};
  if (isRecurrent(node.operator)) return unrolled(builder, node.operator, inputs, attributes);
  if (node.operator === 'Dropout') {
    const { ratio } = attributes;
    const share = ratio !== undefined && 'float' in ratio ? ratio.float : 0.5;
    const [value] = inputs;
    const { rows, before } = place;
    if (value === undefined || random === null || typeof rows !== 'number') return value === undefined ? [] : [value];
    const laidOut = (shape: readonly number[]): Value => uniformsFor(use, shape, rows, before);
    return [dropout(share).apply({ builder, weights: use.weights, random: laidOut, buffers }, value)];
  }
  if (node.operator === 'BatchNormalization') {
    const { training_mode: _, ...others } = attributes;
    const frozen = use.moves !== undefined && !node.inputs.slice(1, 3).some(use.moves);
    const trains = random !== null && !frozen && intAttribute(attributes, 'training_mode', 0) === 1;
    if (!trains) return [builder.op('BatchNormalization', inputs, others)];
    const [result, mean, variance] = builder.ops('BatchNormalization', inputs, attributes, 3);
    buffers.set(node.inputs[3] as string, mean as Value);
    buffers.set(node.inputs[4] as string, variance as Value);
    return [result as Value];
  }
  return builder.ops(node.operator, inputs, attributes, node.outputs.length);
}

function forward(
  spec: NetworkSpec,
  use: ForwardUse,
  dropoutBefore: ReadonlyMap<string, number>,
): { outputs: Value; buffers: ReadonlyMap<string, Value> } {
  const { builder } = use;
  const values = new Map<string, Value>();
  const rows = rowsOf(use, spec);
  for (const { name } of spec.inputs) values.set(name, use.inputs.get(name) as Value);
  for (const { name } of spec.parameters) {
    const value = use.weights.get(name);
    if (value === undefined) throw new GraphError('wrong_weights', `the graph lacks ${name}`, { tensor: name });
    values.set(name, value);
  }
  for (const constant of spec.constants) values.set(constant.name, constantValue(builder, constant, rows));
  const buffers = new Map<string, Value>();
  for (const node of spec.nodes) {
    const inputs = node.inputs.map((name) => values.get(name) as Value);
    const before = dropoutBefore.get(node.outputs[0] ?? '') ?? 1;
    const outputs = nodeOutputs(use, node, inputs, { rows: rows.rows, before }, buffers);
    for (const [index, name] of node.outputs.entries()) {
      const value = outputs[index];
      if (value !== undefined) values.set(name, value);
    }
  }
  // Statistics that stay as they are, are carried all the same.
  if (use.random !== null) {
    for (const { name, role } of spec.parameters) {
      if (role === 'buffer' && !buffers.has(name)) buffers.set(name, values.get(name) as Value);
    }
  }
  return { outputs: values.get(spec.output) as Value, buffers };
}
