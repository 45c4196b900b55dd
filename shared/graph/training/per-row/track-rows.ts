import type { GraphNode, Value } from '../../graph.ts';
import { GraphError } from '../../graph-error.ts';
import { layoutRows } from './axes/layouts.ts';
import { productRows } from './axes/products.ts';
import { broadcast, mixing, type RowRule } from './axes/row-use.ts';
import { reduced, windowRows } from './axes/windows.ts';
import { broadcastOperators, elementOperators, reductionOperators } from './operator-kinds.ts';
import type { RowAxis } from './row-axis.ts';

const rules: Readonly<Record<string, RowRule>> = { ...layoutRows, ...productRows, ...windowRows };

function ruleOf(node: GraphNode): RowRule {
  const { operator } = node;
  if (elementOperators.has(operator) || broadcastOperators.has(operator)) return (use) => [broadcast(use)];
  if (reductionOperators.has(operator)) return (use) => [reduced(use)];
  const found = Object.hasOwn(rules, operator) ? rules[operator] : undefined;
  if (found === undefined) throw mixing(node, 'is not known to keep rows apart');
  return found;
}

/**
 * Repeating a value without rows to a shape made from that of one with rows gives each row a copy. Rows come first in such shapes.
 * @returns whether this Expand does so
 */
function repeatsByRow({ operator, inputs, outputs }: GraphNode, rows: number): boolean {
  if (operator !== 'Expand' || inputs[1]?.constant !== undefined) return false;
  const [from, to] = [(inputs[0] as Value).shape, (outputs[0] as Value).shape];
  return to[0] === rows && (from.length < to.length || from[0] !== rows);
}

/**
 * Where each value of the graph keeps the rows of the batch, from the inputs on. Values without rows are not in the map. Values that no gradient
 * goes through are left out where nothing is known of them: they may take part only beside values with rows.
 *
 * @param inputs values whose first axis is the rows
 * @param random inputs that differ by row on an axis that is not known
 * @param active names of values a gradient goes through
 * @throws GraphError `mixes_rows`, naming the operator
 */
export function trackRows(
  nodes: readonly GraphNode[],
  inputs: readonly Value[],
  random: readonly string[],
  active: ReadonlySet<string>,
): ReadonlyMap<string, RowAxis> {
  const known = new Map<string, RowAxis>(inputs.map(({ name }) => [name, { axis: 0, outer: 1, inner: 1 }]));
  const rowsOfBatch = (inputs[0]?.shape[0] ?? 1) as number;
  const unclear = new Set(random);
  for (const node of nodes) {
    // Shapes of values have no rows, whatever the values have.
    if (node.operator === 'Shape' || node.operator === 'Size') continue;
    const rows = node.inputs.map(({ name }) => known.get(name) ?? null);
    const matters = node.outputs.some(({ name }) => active.has(name));
    if (rows.every((row) => row === null)) {
      if (node.inputs.some(({ name }) => unclear.has(name))) {
        if (matters) throw mixing(node, 'gives a tensor without rows random values that differ by row');
        for (const { name } of node.outputs) unclear.add(name);
      } else if (repeatsByRow(node, rowsOfBatch)) {
        known.set((node.outputs[0] as Value).name, { axis: 0, outer: 1, inner: 1 });
      }
      continue;
    }
    try {
      const found = ruleOf(node)({ node, rows });
      for (const [index, output] of node.outputs.entries()) {
        const row = found[index];
        if (row !== undefined && row !== null) known.set(output.name, row);
      }
    } catch (cause) {
      if (matters || !(cause instanceof GraphError)) throw cause;
      for (const { name } of node.outputs) unclear.add(name);
    }
  }
  return known;
}
