import type { Graph, GraphNode, Value } from '../../../shared/graph/graph.ts';
import { intAttribute, stringAttribute } from '../../../shared/graph/operators.ts';

const rankOf = (value: Value | undefined): number => value?.shape.length ?? 0;
const sizeOf = (value: Value | undefined): number =>
  (value?.shape ?? []).reduce<number>((product, length) => product * (typeof length === 'number' ? length : 2), 1);

/** Whether a Slice goes backwards along an axis, or may. */
function goesBack({ inputs }: GraphNode): boolean {
  const steps = inputs[4];
  return (
    steps !== undefined && (steps.constant === undefined || Array.from(steps.constant, Number).some((by) => by < 0))
  );
}

/** Whether what falls on one place is added up. Threads add in whatever order they arrive, so that the last bits change from time to time. */
const addsUp = ({ attributes }: GraphNode): boolean => stringAttribute(attributes, 'reduction', 'none') !== 'none';

/**
 * Nodes that onnxruntime's provider for webgpu takes and then refuses to run, or computes wrongly or each time otherwise without a word, by version 1.30. Each
 * was found by running every operator and its gradient against the CPU (`webgpu-operators.test.ts`).
 */
const misdone: Readonly<Record<string, (node: GraphNode) => boolean>> = {
  /** Asked where the maximum was found, it refuses. */
  MaxPool: ({ outputs, inputs: [x] }) => outputs.length > 1 || rankOf(x) > 4,
  AveragePool: ({ inputs: [x] }) => rankOf(x) > 4,
  /** In three dimensions it refuses groups. */
  Conv: ({ inputs: [x] }) => rankOf(x) > 4,
  /** With groups it gives other numbers for some shapes; in three dimensions it refuses. */
  ConvTranspose: ({ inputs: [x], attributes }) => rankOf(x) > 4 || intAttribute(attributes, 'group', 1) > 1,
  /** Backwards from anywhere but the last element it gives other numbers. */
  Slice: goesBack,
  /** It refuses an exponent that is spread over axes of the base. */
  Pow: ({ inputs: [base, exponent] }) => sizeOf(exponent) > 1 && base?.shape.join() !== exponent?.shape.join(),
  ScatterND: addsUp,
  ScatterElements: addsUp,
  /** WGSL lets both be off by 2^-11 (section 15.7.4, accuracy of concrete floating-point expressions). */
  Sin: () => true,
  Cos: () => true,
};

/** Names of the nodes that the CPU is to compute where the rest of the graph is computed on webgpu, as `encodeOnnx` names them. */
export function leftToCpu(graph: Graph): string[] {
  return graph.nodes.flatMap((node, index) => (misdone[node.operator]?.(node) ? [`${index}.${node.operator}`] : []));
}
