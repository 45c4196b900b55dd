import type { NetworkConstant, NetworkNode, NetworkSpec } from '../../plan/network.ts';
import { compareNames } from '../../tensors/safetensors.ts';
import type { NamedTensors, Tensor } from '../../tensors/tensor.ts';
import { type Draft, networkConstant } from './draft.ts';
import type { OnnxLimits } from './limits.ts';
import { OnnxError, shown } from './onnx-error.ts';
import { parameterName } from './parameter-names.ts';
import type { DraftNode, Traced } from './traced.ts';

type Stored = Extract<Traced['origin'], { kind: 'stored' }>;

/** Operators in which one stored number can be a bias or weight; elsewhere it is a constant. */
const takesSingle = new Set([
  'Add',
  'BatchNormalization',
  'Conv',
  'ConvTranspose',
  'GRU',
  'Gemm',
  'InstanceNormalization',
  'LSTM',
  'LayerNormalization',
  'MatMul',
  'PRelu',
  'Softplus',
  'Unsqueeze',
]);
/** Operators through which nothing is learnt. */
const untrained = new Set([
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Mod',
  'Pow',
  'ArgMax',
  'ArgMin',
]);
/** Operators that add to or scale each channel: a tensor with one long axis there is a bias, whatever its shape. */
const channelwise = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'InstanceNormalization',
  'LayerNormalization',
  'BatchNormalization',
  'PRelu',
]);
const layers = new Set(['Gemm', 'MatMul', 'Conv', 'ConvTranspose', 'GRU', 'LSTM', 'Einsum']);

interface Use {
  readonly node: DraftNode;
  readonly index: number;
}

interface Collected {
  readonly network: Pick<NetworkSpec, 'parameters' | 'constants' | 'nodes' | 'output' | 'outputs' | 'lastLayer'>;
  readonly weights: NamedTensors;
  readonly inputs: ReadonlySet<'features' | 'payload'>;
  /** Parameters that more than one layer uses: one tensor for both. */
  readonly shared: readonly string[];
}

function reachable(output: Traced): ReadonlySet<DraftNode> {
  const found = new Set<DraftNode>();
  const waiting = [output];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (value.origin.kind !== 'made' || found.has(value.origin.node)) continue;
    found.add(value.origin.node);
    waiting.push(...value.origin.node.inputs);
  }
  return found;
}

function isConstant({ data }: Stored, uses: readonly Use[]): boolean {
  if (uses.every(({ node }) => untrained.has(node.operator))) return true;
  return data.length === 1 && !uses.some(({ node }) => takesSingle.has(node.operator));
}

function roleOf({ shape }: Stored, uses: readonly Use[]): 'weight' | 'bias' | 'buffer' {
  if (uses.some(({ node, index }) => node.operator === 'BatchNormalization' && index >= 3)) return 'buffer';
  if (shape.length <= 1) return 'bias';
  const isBias = ({ node, index }: Use): boolean =>
    ((node.operator === 'GRU' || node.operator === 'LSTM') && index === 3) ||
    (channelwise.has(node.operator) && shape.filter((length) => length !== 1).length <= 1);
  return uses.every(isBias) ? 'bias' : 'weight';
}

/** Parameters of the last layer: those met on the way back from the output to the first product with a weight. */
function lastLayerOf(nodes: readonly DraftNode[], output: Traced, names: ReadonlyMap<string, string>): string[] {
  const found = new Set<string>();
  const wanted = new Set([output]);
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((value) => wanted.has(value))) continue;
    for (const input of node.inputs) {
      wanted.add(input);
      const name = input.origin.kind === 'stored' ? names.get(input.name) : undefined;
      if (name !== undefined) found.add(name);
    }
    if (layers.has(node.operator) && node.inputs.some((input) => leadsToParameter(input, names))) {
      // The weight itself may have been turned on its way here.
      for (const input of node.inputs) {
        const name = leadsToParameter(input, names);
        if (name !== null) found.add(name);
      }
      break;
    }
  }
  return [...found].sort(compareNames);
}

function leadsToParameter(value: Traced, names: ReadonlyMap<string, string>): string | null {
  let at = value;
  while (at.origin.kind === 'made' && at.origin.node.inputs.length === 1) at = at.origin.node.inputs[0] as Traced;
  return at.origin.kind === 'stored' ? (names.get(at.name) ?? null) : null;
}

/** Operators that take a parameter apart or turn it, which is no use of its own. */
const takesApart = new Set(['Slice', 'Split', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze', 'Cast', 'Expand']);

function sharedNames(
  stored: ReadonlyMap<string, { readonly uses: readonly Use[] }>,
  names: ReadonlyMap<string, string>,
): string[] {
  return [...stored].flatMap(([name, { uses }]) => {
    const own = names.get(name);
    const nodes = new Set(uses.map(({ node }) => node).filter(({ operator }) => !takesApart.has(operator)));
    return own !== undefined && nodes.size > 1 ? [own] : [];
  });
}

/** What the output depends on, as the data of a plan. @throws OnnxError */
export function collectNetwork(draft: Draft, output: Traced, limits: OnnxLimits): Collected {
  const kept = reachable(output);
  const nodes = draft.nodes.filter((node) => kept.has(node));
  if (nodes.length === 0) throw new OnnxError('wrong_output', 'the output is not computed by any operator');
  const stored = new Map<string, { readonly origin: Stored; readonly uses: Use[] }>();
  const inputs = new Set<'features' | 'payload'>();
  for (const node of nodes) {
    for (const [index, { name, origin }] of node.inputs.entries()) {
      if (origin.kind === 'input') inputs.add(origin.input);
      if (origin.kind !== 'stored') continue;
      const entry = stored.get(name) ?? { origin, uses: [] };
      entry.uses.push({ node, index });
      stored.set(name, entry);
    }
  }
  if (inputs.size === 0) throw new OnnxError('wrong_input', 'the output does not depend on any input');

  const names = new Map<string, string>();
  const taken = new Map<string, number>();
  const weights = new Map<string, Tensor>();
  const parameters: NetworkSpec['parameters'] = [];
  let elements = 0;
  for (const [name, { origin, uses }] of stored) {
    if (isConstant(origin, uses)) continue;
    const own = parameterName(name, taken);
    names.set(name, own);
    elements += origin.data.length;
    if (elements > limits.elements) {
      throw new OnnxError('over_limit', `the network has more than ${limits.elements} weights`);
    }
    const at = origin.data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) {
      throw new OnnxError('not_finite', `tensor ${shown(name)} has the value ${origin.data[at]} at ${at}`, {
        tensor: name,
      });
    }
    parameters.push({ name: own, shape: [...origin.shape], role: roleOf(origin, uses) });
    weights.set(own, { shape: origin.shape, data: origin.data });
  }
  if (!parameters.some(({ role }) => role !== 'buffer')) {
    throw new OnnxError(
      'no_parameters',
      'the network has no stored floats that its output depends on: nothing can be trained',
    );
  }
  parameters.sort((a, b) => compareNames(a.name, b.name));

  const constants: NetworkConstant[] = [];
  const constantByContent = new Map<string, string>();
  let numbers = 0;
  // A table may be used by thousands of nodes: it is looked through once.
  const constantByValue = new Map<Traced, string>();
  const constantName = (value: Traced): string => {
    const name = constantByValue.get(value) ?? collectConstant(value);
    constantByValue.set(value, name);
    return name;
  };
  const collectConstant = (value: Traced): string => {
    const fresh = networkConstant(`#${constants.length + 1}`, value, draft.rows);
    const key = JSON.stringify([fresh.type, fresh.shape, fresh.values]);
    const known = constantByContent.get(key);
    if (known !== undefined) return known;
    numbers += fresh.values.length;
    if (numbers > limits.constants) {
      throw new OnnxError(
        'over_limit',
        `the network has more than ${limits.constants} numbers in constants, which would become part of the plan; store large tables as parameters (initializers)`,
      );
    }
    constants.push(fresh);
    constantByContent.set(key, fresh.name);
    return fresh.name;
  };
  const nameOf = (value: Traced): string => {
    if (value.origin.kind === 'input') return value.origin.input;
    if (value.origin.kind === 'made') return value.name;
    if (value.origin.kind === 'known') return constantName(value);
    return names.get(value.name) ?? constantName(draft.known('float', value.origin.shape, value.origin.data));
  };
  const written = nodes.map(
    (node): NetworkNode => ({
      operator: node.operator,
      inputs: node.inputs.map(nameOf),
      outputs: node.outputs.map(({ name }) => name),
      ...(Object.keys(node.attributes).length === 0
        ? {}
        : { attributes: node.attributes as NonNullable<NetworkNode['attributes']> }),
    }),
  );
  return {
    network: {
      parameters,
      constants,
      nodes: written,
      output: nameOf(output),
      outputs: output.sides[0].shape[1] ?? 1,
      lastLayer: lastLayerOf(nodes, output, names),
    },
    weights: new Map([...weights].sort(([a], [b]) => compareNames(a, b))),
    inputs,
    shared: sharedNames(stored, names),
  };
}
