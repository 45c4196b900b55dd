import { describe, expect, it } from 'vitest';
import type { GraphNode, Value } from '../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../shared/graph/graph-builder.ts';
import { encodeOnnx } from '../../../shared/graph/onnx-file.ts';
import { mayEndProcess } from '../../../shared/graph/onnx-read/check-node.ts';
import { graphOfFile } from '../../../shared/graph/onnx-read/file-shapes.ts';
import { modelLimits } from '../../../shared/graph/onnx-read/limits.ts';
import { readOnnx } from '../../../shared/graph/onnx-read/read-onnx.ts';
import { inferOutputs } from '../../../shared/graph/operators.ts';
import { gradients } from '../../../shared/graph/reverse-mode.ts';
import { compactGraph } from '../../../shared/graph/training/compact-graph.ts';
import { graphCost } from '../../../site-agent/training/graph-cost.ts';

/** Counts how often the names of a node's inputs are read. */
function readsOfNames(count: number): number {
  let reads = 0;
  const value = (name: string): Value => ({
    get name() {
      reads++;
      return name;
    },
    type: 'float',
    shape: [1],
  });
  const inputs = Array.from({ length: count }, (_, at) => value(`v${at}`));
  const node: GraphNode = { operator: 'Sum', inputs, outputs: [value('sum')], attributes: {} };
  graphCost({ name: '', inputs, outputs: [], constants: [], nodes: [node] });
  return reads;
}

/** A graph of a loss and its gradient, written, read again and looked at as a released model is. */
function throughAllStages(build: (builder: GraphBuilder, x: Value) => Value): number {
  const builder = new GraphBuilder('large');
  const x = builder.input('x', 'float', ['N', 4]);
  const loss = builder.mean(build(builder, x));
  const [gradient] = gradients(builder, loss, [x]);
  builder.output('loss', loss);
  builder.output('gradient', gradient as Value);
  const graph = compactGraph(builder.finish());
  // A gradient has more nodes than a released model may.
  const read = graphOfFile(readOnnx(encodeOnnx(graph), { ...modelLimits, nodes: 100_000 }))(8);
  expect(read.nodes.length).toBeLessThanOrEqual(graph.nodes.length);
  expect(read.outputs.map(({ shape }) => shape)).toEqual([[], [8, 4]]);
  expect(graphCost(read).peakBytes).toBeGreaterThan(0);
  return graph.nodes.length;
}

describe('work grows with the graph and no faster', () => {
  it('counting what a node of many inputs costs', () => {
    expect(readsOfNames(2000)).toBeLessThanOrEqual(4 * 2000);
    expect(readsOfNames(4000)).toBe(2 * readsOfNames(2000) - readsOfNames(0));
  });

  it('following lengths through a chain that adds one at each node', () => {
    const one: Value = { name: 'one', type: 'int64', shape: [1], dimensions: [1] };
    let last = one;
    let followed = 0;
    for (let length = 2; length <= 500; length++) {
      const [found] = inferOutputs('Concat', [one, last], { axis: { int: 0 } }, 1);
      expect(found?.shape).toEqual([length]);
      // Sixty-four lengths are followed: no tensor has as many axes.
      expect(found?.dimensions?.length).toBe(length <= 64 ? length : undefined);
      followed += found?.dimensions?.length ?? 0;
      last = { name: `k${length}`, type: 'int64', shape: [length], ...found };
    }
    expect(followed).toBeLessThan(64 * 64);
  });

  it('looking through one list of divisors for every node', () => {
    let looked = 0;
    const numbers = {
      *[Symbol.iterator]() {
        for (let number = 1; number <= 1000; number++) {
          looked++;
          yield number;
        }
      },
    };
    for (let node = 0; node < 100; node++) expect(mayEndProcess('Div', { type: 'int64', numbers })).toBe(false);
    expect(looked).toBe(1000);
    expect(mayEndProcess('Div', { type: 'int64', numbers: [3, -1, 2] })).toBe(true);
    expect(mayEndProcess('Mod', { type: 'int64', numbers: BigInt64Array.of(4n, 0n) })).toBe(true);
    expect(mayEndProcess('Mod', { type: 'int64', numbers: null })).toBe(true);
    expect(mayEndProcess('Mod', { type: 'float', numbers: null })).toBe(false);
  });
});

describe('depth and width end nothing', () => {
  it('a chain of ten thousand operators', () => {
    const count = throughAllStages((b, x) => {
      let value = x;
      for (let at = 0; at < 10_000; at++) value = b.op(at % 2 === 0 ? 'Tanh' : 'Sigmoid', [value]);
      return value;
    });
    expect(count).toBeGreaterThan(30_000);
  });

  it('a residual network of seven thousand layers', () => {
    const count = throughAllStages((b, x) => {
      let value = x;
      for (let at = 0; at < 7000; at++) value = b.add(value, b.op('Tanh', [value]));
      return value;
    });
    expect(count).toBeGreaterThan(30_000);
  });

  it('one value that thirty thousand operators use', () => {
    const count = throughAllStages((b, x) => {
      const used = b.op('Tanh', [x]);
      let value = x;
      for (let at = 0; at < 30_000; at++) value = b.add(value, used);
      return value;
    });
    // Each use gives a part of the gradient, which are added up one after the other.
    expect(count).toBeGreaterThan(59_000);
  });

  it('one operator of ten thousand inputs', () => {
    const count = throughAllStages((b, x) => {
      const parts = Array.from({ length: 10_000 }, (_, at) => b.mul(x, b.scalar(1 / (at + 1))));
      // As many as a file's node may have.
      const joined = b.op('Concat', parts.slice(0, 512), { axis: { int: 1 } });
      const sums = b.op('ReduceSum', [joined, b.integers('axes', [1])], { keepdims: { int: 1 } });
      return b.add(b.op('Sum', parts), sums);
    });
    expect(count).toBeGreaterThan(29_000);
  });
});
