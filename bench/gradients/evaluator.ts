import type { Graph, GraphNode } from '../../shared/graph/graph.ts';
import { decoded } from './evaluator/decoded.ts';
import { elementwise } from './evaluator/elementwise.ts';
import { indexing } from './evaluator/indexing.ts';
import { layouts } from './evaluator/layouts.ts';
import { normalisations } from './evaluator/normalisations.ts';
import { origins } from './evaluator/origins.ts';
import { products } from './evaluator/products.ts';
import { reductions } from './evaluator/reductions.ts';
import { spatial } from './evaluator/spatial.ts';
import { type Float64Tensor, type Operations, tensor } from './evaluator/tensor.ts';

export type { Float64Tensor } from './evaluator/tensor.ts';

const operations: Operations = {
  ...elementwise,
  ...indexing,
  ...layouts,
  ...normalisations,
  ...origins,
  ...products,
  ...reductions,
  ...spatial,
};

/** Operators that can be evaluated, sorted. */
export function evaluatedOperators(): string[] {
  return [...Object.keys(operations), 'Scan'].sort();
}

/** Runs the body for each element of the first axis of the scanned inputs, carrying the states along. */
function scan({ attributes, inputs: { length } }: GraphNode, inputs: readonly Float64Tensor[]): Float64Tensor[] {
  const { body, num_scan_inputs: scanned } = attributes;
  if (body === undefined || !('graph' in body) || scanned === undefined || !('int' in scanned)) {
    throw new Error('Scan lacks body or num_scan_inputs');
  }
  const count = length - scanned.int;
  let states = inputs.slice(0, count);
  const rows = inputs.slice(count);
  const collected: Float64Tensor[][] = [];
  for (let step = 0; step < (rows[0]?.shape[0] as number); step++) {
    const fed = [
      ...states,
      ...rows.map(({ shape, data }) => {
        const size = data.length / (shape[0] as number);
        return tensor(shape.slice(1), data.subarray(step * size, (step + 1) * size));
      }),
    ];
    const named = Object.fromEntries(body.graph.inputs.map(({ name }, index) => [name, fed[index] as Float64Tensor]));
    const results = evaluateGraph(body.graph, named);
    const outputs = body.graph.outputs.map(({ name }) => results[name] as Float64Tensor);
    states = outputs.slice(0, count);
    collected.push(outputs.slice(count));
  }
  const stacked = body.graph.outputs.slice(count).map(({ shape }, index) =>
    tensor(
      [collected.length, ...(collected[0]?.[index]?.shape ?? shape.map(Number))],
      collected.flatMap((step) => Array.from(step[index]?.data ?? [])),
    ),
  );
  return [...states, ...stacked];
}

/**
 * Evaluates a graph in float64, straight from the operators' definitions: a second opinion on onnxruntime,
 * and exact enough for central differences.
 */
export function evaluateGraph(
  graph: Graph,
  inputs: Readonly<Record<string, Float64Tensor>>,
): Record<string, Float64Tensor> {
  const values = new Map<string, Float64Tensor>(Object.entries(inputs));
  for (const constant of graph.constants)
    values.set(constant.name, tensor(constant.shape.map(Number), decoded(constant)));
  for (const node of graph.nodes) {
    const given = node.inputs.map(({ name }) => {
      const value = values.get(name);
      if (value === undefined) throw new Error(`${node.operator} reads ${name}, which has no value`);
      return value;
    });
    const operation = operations[node.operator];
    if (operation === undefined && node.operator !== 'Scan')
      throw new Error(`the evaluator does not know ${node.operator}`);
    const results =
      operation === undefined ? scan(node, given) : operation(given, node.attributes, node.outputs.length);
    for (const [index, output] of node.outputs.entries()) {
      const exact = results[index] as Float64Tensor;
      const isQuotient = node.operator === 'Div' && (output.type === 'int64' || output.type === 'int32');
      // Quotients of whole numbers leave the fraction off.
      const result = isQuotient ? tensor(exact.shape, exact.data.map(Math.trunc)) : exact;
      if (
        output.shape.length !== result.shape.length ||
        output.shape.some((length, axis) => typeof length === 'number' && length !== result.shape[axis])
      ) {
        throw new Error(`${node.operator} gives [${result.shape}], the graph says [${output.shape}]`);
      }
      values.set(output.name, result);
    }
  }
  return Object.fromEntries(graph.outputs.map((output) => [output.name, values.get(output.name) as Float64Tensor]));
}
