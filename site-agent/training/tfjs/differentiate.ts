import type { Tensor } from '@tensorflow/tfjs-core';
import type { GraphNode, Value } from '../../../shared/graph/graph.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { GraphProgram } from './interpreter.ts';

/** A scalar of a graph, other values of interest, and the scalar's gradients. The caller disposes of all. */
export interface Differentiated {
  readonly loss: Tensor;
  /** One a variable, of its shape; zeros where the loss does not depend on it. */
  readonly gradients: readonly Tensor[];
  /** By name. */
  readonly others: ReadonlyMap<string, Tensor>;
}

/** A scalar of a graph that the library differentiates by some of the graph's inputs. */
export class DifferentiatedProgram {
  readonly #tf: TfjsLibrary;
  readonly #program: GraphProgram;
  readonly #loss: Value;
  readonly #others: readonly Value[];

  /**
   * @param nodes each after those it depends on
   * @param loss a scalar
   * @param others further values wanted, which are not differentiated
   * @throws GraphError `unknown_operator`
   */
  constructor(tf: TfjsLibrary, nodes: readonly GraphNode[], loss: Value, others: readonly Value[] = []) {
    this.#tf = tf;
    this.#program = new GraphProgram(tf, nodes, [loss, ...others]);
    this.#loss = loss;
    this.#others = others;
  }

  /**
   * @param feeds a tensor an input, the variables among them
   * @throws GraphError `unknown_value`
   */
  run(feeds: ReadonlyMap<string, Tensor>, variables: readonly string[]): Differentiated {
    const tf = this.#tf;
    const kept: Tensor[] = [];
    try {
      const result = tf.tidy(() => {
        const compute = (): Tensor => {
          const found = this.#program.run(feeds);
          // Copies: a wanted value may be a fed one, which is the caller's.
          for (const value of this.#others) kept.push(tf.keep(tf.clone(found.get(value.name) as Tensor)));
          return tf.reshape(found.get(this.#loss.name) as Tensor, []);
        };
        const moving = variables.map((name) => feeds.get(name) as Tensor);
        if (moving.length === 0) return { loss: compute(), gradients: [] };
        // Not `valueAndGrads`, which refuses a loss that does not depend on one of the variables.
        const { value, grads } = tf.engine().gradients(compute, moving, undefined, true);
        return {
          loss: value,
          gradients: moving.map((tensor, index) => (grads[index] as Tensor | undefined) ?? tf.zerosLike(tensor)),
        };
      });
      return {
        ...result,
        others: new Map(this.#others.map((value, index) => [value.name, kept[index] as Tensor])),
      };
    } catch (error) {
      tf.dispose(kept);
      throw error;
    }
  }

  dispose(): void {
    this.#program.dispose();
  }
}
