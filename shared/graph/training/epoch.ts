import type { Plan } from '../../plan/plan.ts';
import type { Graph, GraphNode, Value } from '../graph.ts';
import { GraphBuilder } from '../graph-builder.ts';
import type { CarriedTensor, FedTensor } from './feeds.ts';
import { buildTrainingStep, type StepOptions, type TrainingStep } from './training-step.ts';

export interface EpochOptions extends StepOptions {
  /** Steps of `rows` rows each, one after the other. */
  readonly steps: number;
}

/**
 * Several training steps in one call: weights and optimiser state stay inside the runtime from step to step (ONNX Scan).
 * Inputs and outputs are those of `buildTrainingStep` with these differences: what changes from step to step (`rowInputs`, `labels`, `random` and
 * the `scalars`) has one more axis in front, of `steps`; `loss`, `clipped` and `overflow` are [steps]. Frozen tensors, anchors and control variates are given once.
 */
export interface Epoch extends Omit<TrainingStep, 'graph'> {
  readonly graph: Graph;
  readonly steps: number;
  /** Those of the training step, each [steps]. */
  readonly scalars: readonly FedTensor[];
}

/** The graph with `change` applied to the name of every value. */
function renamed(graph: Graph, change: (name: string) => string): Graph {
  const one = (value: Value): Value => ({ ...value, name: change(value.name) });
  const nodes = graph.nodes.map(
    (node): GraphNode => ({ ...node, inputs: node.inputs.map(one), outputs: node.outputs.map(one) }),
  );
  return {
    name: graph.name,
    inputs: graph.inputs.map(one),
    outputs: graph.outputs.map(one),
    constants: graph.constants.map(one),
    nodes,
  };
}

const byName = (values: readonly Value[]): ReadonlyMap<string, Value> =>
  new Map(values.map((value) => [value.name, value]));

/** Names inside the loop; the graph around it has the plain ones. */
const inside = (name: string): string => `step/${name}`;

export function buildEpoch(plan: Plan, { steps, ...options }: EpochOptions): Epoch {
  const step = buildTrainingStep(plan, options);
  const carried: readonly CarriedTensor[] = [...step.weights, ...step.slots];
  const scalars = step.scalars.map(({ name }) => ({ name, shape: [steps] }));
  const stacked = <T extends FedTensor>(tensors: readonly T[]): T[] =>
    tensors.map((tensor) => ({ ...tensor, shape: [steps, ...tensor.shape] }));
  const perStep = [...stacked([...step.rowInputs, step.labels, ...step.random]), ...scalars];

  // What stays the same is read from the graph around the loop, under its own name.
  const changing = new Set([...carried, ...perStep].map(({ name }) => name));
  const once = step.graph.inputs.filter(({ name }) => !changing.has(name));
  const outer = new Set(once.map(({ name }) => name));
  const body = renamed(step.graph, (name) => (outer.has(name) ? name : inside(name)));
  const inputs = byName(body.inputs);
  const outputs = byName(body.outputs);
  const inputOf = (name: string): Value => inputs.get(inside(name)) as Value;
  const outputOf = (name: string): Value => outputs.get(inside(name)) as Value;
  const next = new Set(carried.map((tensor) => tensor.next));
  const results = step.graph.outputs.map(({ name }) => name).filter((name) => !next.has(name));

  const builder = new GraphBuilder('epoch');
  for (const { name, type, shape } of once) builder.input(name, type, shape);
  const taken = [...carried, ...perStep].map(({ name, shape }) => builder.input(name, 'float', shape));
  const given = builder.ops(
    'Scan',
    taken,
    {
      body: {
        graph: {
          ...body,
          inputs: [...carried, ...perStep].map(({ name }) => inputOf(name)),
          outputs: [...carried.map(({ next }) => next), ...results].map(outputOf),
        },
      },
      num_scan_inputs: { int: perStep.length },
    },
    carried.length + results.length,
  );
  for (const [index, name] of [...carried.map(({ next }) => next), ...results].entries()) {
    builder.output(name, given[index] as Value);
  }
  return {
    ...step,
    graph: builder.finish(),
    steps,
    scalars,
    rowInputs: stacked(step.rowInputs),
    labels: stacked([step.labels])[0] as FedTensor,
    random: stacked(step.random),
  };
}
