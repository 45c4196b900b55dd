import type { Tensor } from '@tensorflow/tfjs-core';
import type { FedTensor, ForwardFeeds } from '../../../shared/graph/training/feeds.ts';
import { buildGradientPart } from '../../../shared/graph/training/gradient-part.ts';
import { buildObjective, type ObjectiveOptions } from '../../../shared/graph/training/objective.ts';
import type { Plan } from '../../../shared/plan/plan.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { DifferentiatedProgram } from './differentiate.ts';
import { GraphProgram } from './interpreter.ts';
import type { TensorMap } from './tensor-store.ts';

/** What one part of a batch gives. The caller disposes of all tensors. */
export interface PartResult {
  readonly loss: Tensor;
  /** How many rows' gradients were longer than the bound; null where rows are not clipped one by one. */
  readonly clipped: Tensor | null;
  /** By name of the moving tensor. */
  readonly gradients: TensorMap;
  /** Next value of each buffer, by its name. */
  readonly buffers: TensorMap;
}

/** Loss and gradients of a fixed number of rows. */
export interface PartGradients {
  readonly takes: ForwardFeeds;
  /** @param feeds what `takes` names, and the trained tensors */
  run(feeds: TensorMap): PartResult;
  dispose(): void;
}

/** The library differentiates the objective: another derivation of the gradients than the onnx engine's. */
function byLibrary(tf: TfjsLibrary, plan: Plan, options: ObjectiveOptions): PartGradients {
  const objective = buildObjective(plan, options);
  const { builder, loss, moving, buffers } = objective;
  const program = new DifferentiatedProgram(tf, builder.nodes, loss, [...buffers.values()]);
  return {
    takes: objective,
    run(feeds) {
      const found = program.run(feeds, moving);
      return {
        loss: found.loss,
        clipped: null,
        gradients: new Map(moving.map((name, index) => [name, found.gradients[index] as Tensor])),
        buffers: new Map([...buffers].map(([name, value]) => [name, found.others.get(value.name) as Tensor])),
      };
    },
    dispose: () => program.dispose(),
  };
}

/** The library has no gradients by row; the graph that clips them row by row is carried out as it is. */
function byGraph(tf: TfjsLibrary, plan: Plan, options: ObjectiveOptions): PartGradients {
  const part = buildGradientPart(plan, options);
  const { graph, sums, buffers } = part;
  const program = new GraphProgram(tf, graph.nodes, graph.outputs);
  const zeros = (fed: readonly FedTensor[]): (readonly [string, Tensor])[] =>
    fed.map(({ name, shape }) => [name, tf.zeros([...shape])] as const);
  return {
    takes: part,
    run(feeds) {
      const names = ['loss', 'clipped', ...sums.map(({ next }) => next), ...buffers.map(({ next }) => next)];
      const found = tf.tidy(() => {
        const values = program.run(new Map([...feeds, ...zeros(sums)]));
        return names.map((name) => tf.clone(values.get(name) as Tensor));
      });
      const named = new Map(names.map((name, index) => [name, found[index] as Tensor]));
      return {
        loss: named.get('loss') as Tensor,
        clipped: named.get('clipped') as Tensor,
        gradients: new Map(sums.map(({ weight, next }) => [weight, named.get(next) as Tensor])),
        buffers: new Map(buffers.map(({ name, next }) => [name, named.get(next) as Tensor])),
      };
    },
    dispose: () => program.dispose(),
  };
}

/** @throws GraphError `mixes_rows` when part of a batch is asked for and the batch cannot be cut, `unknown_operator` */
export function partGradients(tf: TfjsLibrary, plan: Plan, options: ObjectiveOptions): PartGradients {
  return plan.training.perExampleClip === undefined ? byLibrary(tf, plan, options) : byGraph(tf, plan, options);
}
