import type { GraphNode, Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { GraphError } from '../../graph-error.ts';
import { knownShape } from '../../operators/dimensions.ts';
import { gradients as gradientsOf } from '../../reverse-mode.ts';
import { floatsLike } from '../../vector-jacobian/numbers.ts';
import { reshape } from '../../vector-jacobian/shapes.ts';
import { vectorJacobianOf } from '../../vector-jacobian.ts';
import { addedGradients, type RowGradients } from './outer-products.ts';
import { gradientsByRow } from './shared-into-rows.ts';
import { gradientsThroughShared } from './shared-only.ts';
import { trackRows } from './track-rows.ts';

/** What gradients are taken of. */
export interface RowLosses {
  /** [rows]; each depends on the inputs of its own row. */
  readonly losses: Value;
  /** Inputs whose first axis is the rows. */
  readonly inputs: readonly Value[];
  /** Names of inputs that differ by row on some axis. */
  readonly random: readonly string[];
  /** Tensors without rows, the same for every row. */
  readonly variables: readonly Value[];
}

/** A gradient that has one number an element of a value with rows, or the gradients by row of a value without. */
interface Found {
  readonly values: Map<string, Value>;
  readonly shared: Map<string, RowGradients>;
}

/**
 * Adds to the graph the gradient of each row's loss by each variable, for all rows at once: reverse accumulation in which the gradients of values
 * with rows are those of the sum of the losses, as each element of them belongs to one row, and those of values without rows keep the rows apart.
 *
 * @returns by variable; null for one the losses do not depend on
 * @throws GraphError `mixes_rows` when an operator lets a row's loss depend on other rows; `not_differentiable`
 */
export function rowGradients(
  b: GraphBuilder,
  { losses, inputs, random, variables }: RowLosses,
): (RowGradients | null)[] {
  const [rows] = knownShape(losses.shape) as [number];
  // Which axis a single row is on cannot be told from shapes, and need not.
  if (rows === 1) return gradientsOfOneRow(b, losses, variables);
  const nodes = nodesBehind(b.nodes, losses);
  const active = activeValues(nodes, variables);
  const axes = trackRows(nodes, inputs, random, active);
  const place = axes.get(losses.name);
  if (place === undefined || place.outer !== 1 || place.inner !== 1) {
    throw new GraphError('mixes_rows', `${losses.name} has no loss a row to be differentiated`);
  }
  const found: Found = { values: new Map(), shared: new Map() };
  if (active.has(losses.name)) {
    found.values.set(losses.name, floatsLike(b, 'ones', losses, [rows], new Array<number>(rows).fill(1)));
  }
  for (const node of nodes.toReversed()) {
    const needed = node.inputs.map(({ name }) => active.has(name));
    if (!needed.includes(true)) continue;
    const hasRows = node.inputs.map(({ name }) => axes.has(name));
    if (node.outputs.some(({ name }) => axes.has(name))) {
      backThroughRows(b, node, { needed, hasRows, axes, found });
    } else {
      const gradients = node.outputs.map(({ name }) => found.shared.get(name) ?? null);
      if (gradients.every((own) => own === null)) continue;
      const parts = gradientsThroughShared({ b, node, rows, gradients, needed });
      for (const [index, { name }] of node.inputs.entries()) {
        if (needed[index] === true) addShared(b, found, name, parts[index] as RowGradients);
      }
    }
  }
  return variables.map(({ name }) => found.shared.get(name) ?? null);
}

function gradientsOfOneRow(b: GraphBuilder, losses: Value, variables: readonly Value[]): RowGradients[] {
  return gradientsOf(b, b.sum(losses), variables).map((gradient) => ({
    products: [],
    full: reshape(b, gradient, [1, ...knownShape(gradient.shape)]),
  }));
}

/** The nodes a value is made by, in their order. */
function nodesBehind(nodes: readonly GraphNode[], value: Value): GraphNode[] {
  const needed = new Set([value.name]);
  const kept = nodes.toReversed().filter(({ inputs, outputs }) => {
    if (!outputs.some(({ name }) => needed.has(name))) return false;
    for (const { name } of inputs) needed.add(name);
    return true;
  });
  return kept.reverse();
}

function activeValues(nodes: readonly GraphNode[], variables: readonly Value[]): ReadonlySet<string> {
  const active = new Set(variables.map(({ name }) => name));
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some(({ name }) => active.has(name))) continue;
    for (const { name, type } of outputs) if (type === 'float' || type === 'float16') active.add(name);
  }
  return active;
}

function addShared(b: GraphBuilder, { shared }: Found, name: string, part: RowGradients): void {
  const known = shared.get(name);
  shared.set(name, known === undefined ? part : addedGradients(b, known, part));
}

function backThroughRows(
  b: GraphBuilder,
  node: GraphNode,
  use: {
    readonly needed: readonly boolean[];
    readonly hasRows: readonly boolean[];
    readonly axes: ReturnType<typeof trackRows>;
    readonly found: Found;
  },
): void {
  const { needed, hasRows, axes, found } = use;
  const gradients = node.outputs.map(({ name }) => found.values.get(name) ?? null);
  if (gradients.every((gradient) => gradient === null)) return;
  const ofRows = needed.map((one, index) => one && hasRows[index] === true);
  if (ofRows.includes(true)) {
    const { outputs, operator } = node;
    const parts = vectorJacobianOf(operator)({ builder: b, node, outputs, gradients, needed: ofRows });
    for (const [index, { name }] of node.inputs.entries()) {
      if (ofRows[index] !== true) continue;
      const part = parts[index];
      if (part === undefined || part === null) {
        throw new GraphError('not_differentiable', `operator ${operator} has no derivative by its input ${index}`, {
          operator,
        });
      }
      const known = found.values.get(name);
      found.values.set(name, known === undefined ? part : b.add(known, part));
    }
  }
  const [gradient] = gradients;
  const row = axes.get(node.outputs[0]?.name ?? '');
  for (const [index, { name }] of node.inputs.entries()) {
    if (needed[index] !== true || hasRows[index] === true) continue;
    if (gradient === undefined || gradient === null || row === undefined) {
      throw new GraphError(
        'not_differentiable',
        `operator ${node.operator} has no derivative row by row by its output 1`,
        {
          operator: node.operator,
        },
      );
    }
    const rowsOf = node.inputs.map((value) => axes.get(value.name) ?? null);
    addShared(b, found, name, gradientsByRow({ b, node, index, rows: rowsOf, row, gradient }));
  }
}
