import type { Dimension, ElementType, Graph, GraphNode, Value } from '../../shared/graph/graph.ts';
import { multiplyAddsOf } from '../../shared/graph/work.ts';

/** What carrying out a graph once takes. */
export interface GraphCost {
  /** Multiply-adds of products and convolutions, and what the rest takes in the same measure. */
  readonly work: number;
  /**
   * Of it, that of operators large enough for several threads to share one; of a loop, in one turn. 0 where most of the work is in smaller
   * operators, at each of which the threads would only wait for each other.
   */
  readonly shared: number;
  /** Bytes of values that are alive at once, without the graph's inputs and constants. */
  readonly peakBytes: number;
}

/** What an operator takes beside its arithmetic, in multiply-adds: some microseconds. */
const workPerNode = 12_000;
/** What an operator takes before a second thread brings more than it costs: some tens of microseconds. */
const workToShare = 1_500_000;
/** What a value of an output takes, in multiply-adds: it is bound by memory, not by arithmetic. */
const workPerValue = 4;

const bytesOf: Readonly<Record<ElementType, number>> = { float: 4, float16: 2, double: 8, int32: 4, int64: 8, bool: 1 };

const sizeOf = (shape: readonly Dimension[]): number =>
  shape.reduce<number>((product, length) => product * (typeof length === 'number' ? length : 1), 1);

/** Bytes that values take. */
export const bytesOfValues = (values: readonly Pick<Value, 'shape' | 'type'>[]): number =>
  values.reduce((sum, { shape, type }) => sum + sizeOf(shape) * bytesOf[type], 0);

function nodeWork(node: GraphNode): number {
  const values = node.outputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  let inside = 0;
  for (const attribute of Object.values(node.attributes)) {
    // The body of a Scan, as often as its last input, a sequence, is long.
    if ('graph' in attribute)
      inside += graphCost(attribute.graph).work * sizeOf((node.inputs.at(-1)?.shape ?? []).slice(0, 1));
  }
  return workPerNode + workPerValue * values + multiplyAddsOf(node) + inside;
}

/** Estimates the cost of a graph whose shapes are all numbers, in the order of its nodes. */
export function graphCost(graph: Graph): GraphCost {
  const uses = new Map<string, number>();
  for (const node of graph.nodes) for (const { name } of node.inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const { name } of graph.outputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const made = new Map<string, number>();
  let work = 0;
  let apart = 0;
  let shared = 0;
  let ofLoops = 0;
  let alive = 0;
  let peakBytes = 0;
  for (const node of graph.nodes) {
    const own = nodeWork(node);
    work += own;
    let loops = false;
    for (const attribute of Object.values(node.attributes)) {
      if (!('graph' in attribute)) continue;
      loops = true;
      ofLoops = Math.max(ofLoops, graphCost(attribute.graph).shared);
    }
    if (!loops) {
      apart += own;
      if (own >= workToShare) shared += own;
    }
    for (const { name, shape, type } of node.outputs) {
      const bytes = sizeOf(shape) * bytesOf[type];
      made.set(name, bytes);
      alive += bytes;
    }
    peakBytes = Math.max(peakBytes, alive);
    const pass = (name: string, read: number): void => {
      const left = (uses.get(name) ?? 0) - read;
      uses.set(name, left);
      if (left > 0) return;
      alive -= made.get(name) ?? 0;
      made.delete(name);
    };
    // No node reads what it makes itself.
    for (const { name } of node.inputs) pass(name, 1);
    for (const { name } of node.outputs) pass(name, 0);
  }
  return { work, shared: Math.max(2 * shared < apart ? 0 : shared, ofLoops), peakBytes };
}
