import { type NetworkSpec, networkSchema } from '../../plan/network.ts';
import type { Plan } from '../../plan/plan.ts';
import { digestOf } from '../../runtime/digest.ts';
import type { NamedTensors } from '../../tensors/tensor.ts';
import { GraphError } from '../graph-error.ts';
import { checkNetwork } from './check-network.ts';
import { classicalForm } from './classical.ts';
import { collectNetwork } from './collect-network.ts';
import { constantNodeTensor } from './constant-node.ts';
import { Draft } from './draft.ts';
import { classicalDomain, type FileModel, type FileNode, type FileTensor } from './file-model.ts';
import type { FormUse } from './form-use.ts';
import { fitHead } from './head.ts';
import { defaultLimits, type OnnxLimits } from './limits.ts';
import { matchInputs } from './match-inputs.ts';
import { OnnxError, shown } from './onnx-error.ts';
import { readOnnx } from './read-onnx.ts';
import { freeRowsAdvice } from './row-lengths.ts';
import { standardForm } from './standard-forms.ts';
import type { Traced } from './traced.ts';

/** What an ONNX file becomes in a plan. */
export interface ImportedNetwork {
  readonly network: NetworkSpec;
  /** Values of `network.parameters`, by name. */
  readonly weights: NamedTensors;
}

/** Exporters store equal tensors once, as freshly made layers have them: then they are one tensor, and are trained as one. */
function sharedNote(names: readonly string[]): string[] {
  const [first] = names;
  if (first === undefined) return [];
  const others = names.length === 1 ? '' : ` and ${names.length - 1} more`;
  return [
    `${first.slice(0, 120)}${others}: used by several layers and trained as one. If they should be apart, export the network after training it, or with dynamo=False and training=TrainingMode.TRAINING`,
  ];
}

/** The float output: the one there is, or the one that is called logits or probabilities. */
function chooseOutput(file: FileModel): string {
  const floats = file.outputs.filter(({ type }) => type === 'float' || type === 'double');
  const [only] = floats;
  if (only === undefined) {
    throw new OnnxError('wrong_output', 'the file has no output of floats; it must put out logits or predictions');
  }
  if (floats.length === 1) return only.name;
  const named = ['logit', 'prob'].map((word) => floats.filter(({ name }) => name.toLowerCase().includes(word)));
  const [match] = named.find((found) => found.length === 1) ?? [];
  if (match !== undefined) return match.name;
  throw new OnnxError(
    'wrong_output',
    `the file has ${floats.length} outputs (${floats
      .map(({ name }) => shown(name))
      .slice(0, 6)
      .join(', ')}); export the logits alone, or call them logits`,
  );
}

/** The nodes an output depends on, in order. */
function neededNodes(file: FileModel, output: string): FileNode[] {
  const wanted = new Set([output]);
  const needed: FileNode[] = [];
  for (const node of file.nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    needed.push(node);
    for (const input of node.inputs) wanted.add(input);
  }
  return needed.reverse();
}

/** Inputs of operators at which a float tensor is a weight, also when it comes out of a Constant node. */
const weightPlaces: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  GRU: [1, 2, 3],
  Gather: [0],
  Gemm: [1, 2],
  LSTM: [1, 2, 3],
  LayerNormalization: [1, 2],
  MatMul: [0, 1],
};

function weightNames(nodes: readonly FileNode[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const node of nodes) {
    for (const place of (Object.hasOwn(weightPlaces, node.operator) ? weightPlaces[node.operator] : undefined) ?? []) {
      names.add(node.inputs[place] ?? '');
    }
  }
  return names;
}

function tracedTensor(draft: Draft, tensor: FileTensor, isWeight: boolean): Traced {
  const { name, type, shape, data } = tensor;
  const isFloat = type === 'float' || type === 'double';
  if (!isFloat || shape.length === 0 || !isWeight) return draft.constant(tensor);
  return draft.stored(name, shape, data instanceof Float32Array ? data : Float32Array.from(data as Float64Array));
}

/** A node in operators of the plan. A file written for one number of rows says so where that is why its shapes do not fit. */
function planForm(use: FormUse): readonly Traced[] {
  const { node, fixedRows } = use;
  try {
    return node.domain === classicalDomain ? classicalForm(use) : standardForm(use);
  } catch (cause) {
    const misfit = cause instanceof OnnxError && cause.code === 'unsupported_form' && cause.cause instanceof GraphError;
    if (!misfit || fixedRows === null) throw cause;
    const { operator } = node;
    throw new OnnxError('fixed_rows', `${operator}: ${freeRowsAdvice} (${cause.message})`, { operator }, cause);
  }
}

/**
 * Turns an ONNX file into a network that a plan can hold: checked, in operator set 17, arithmetic on shapes done, with logits for
 * output.
 *
 * Stored floats become parameters under their names in the file. Integers, truth values, single numbers and Constant nodes stay
 * constants. Running means of BatchNormalization become buffers.
 *
 * @param plan the plan around it: its data say what the inputs are, its task what the output is
 * @throws OnnxError; whatever the bytes are, nothing else is thrown
 */
export function importNetwork(bytes: Uint8Array, plan: Plan, limits: OnnxLimits = defaultLimits): ImportedNetwork {
  const file = readOnnx(bytes, limits);
  const outputName = chooseOutput(file);
  const nodes = neededNodes(file, outputName);
  const draft = new Draft(limits);
  const wanted = new Set([outputName, ...nodes.flatMap((node) => node.inputs)]);
  const inputs = matchInputs(
    file.inputs.filter(({ name }) => wanted.has(name)),
    plan,
    draft,
  );
  const values = new Map<string, Traced>(inputs.values);
  for (const tensor of file.initializers.values()) {
    if (wanted.has(tensor.name)) values.set(tensor.name, tracedTensor(draft, tensor, true));
  }
  const weights = weightNames(nodes);
  for (const node of nodes) {
    const used = (index: number): boolean => {
      const name = node.outputs[index] ?? '';
      return name !== '' && wanted.has(name);
    };
    if (node.domain === '' && node.operator === 'Constant') {
      const tensor = constantNodeTensor(node);
      values.set(tensor.name, tracedTensor(draft, tensor, weights.has(tensor.name)));
      continue;
    }
    const given = node.inputs.map((name) => (name === '' ? null : (values.get(name) as Traced)));
    while (given.at(-1) === null) given.pop();
    const use = { draft, node, inputs: given, operatorSet: file.operatorSet, fixedRows: inputs.fixedRows, used };
    const outputs = planForm(use);
    for (const [index, name] of node.outputs.entries()) {
      const value = outputs[index];
      if (name !== '' && value !== undefined) values.set(name, value);
    }
  }
  const head = fitHead(draft, values.get(outputName) as Traced, plan);
  const collected = collectNetwork(draft, head.output, limits);
  const network: NetworkSpec = {
    source: { sha256: digestOf(bytes), producer: file.producer, operatorSet: file.operatorSet },
    inputs: inputs.used
      .filter(({ name }) => collected.inputs.has(name))
      .map(({ name, shape }) => ({ name, shape: [...shape] })),
    ...collected.network,
    changes: [...inputs.changes, ...sharedNote(collected.shared), ...head.changes],
  };
  // Odd attributes of operators that nothing else looks at must not become a plan that nobody else can read.
  const checked = networkSchema.safeParse(network);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new OnnxError(
      'unsupported_form',
      `the network cannot be part of a plan: ${issue?.path.join('.').slice(0, 200) ?? ''}: ${issue?.message.slice(0, 200) ?? ''}`,
    );
  }
  checkNetwork(network, plan, limits);
  return { network, weights: collected.weights };
}
