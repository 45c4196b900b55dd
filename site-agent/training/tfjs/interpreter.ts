import type { Tensor } from '@tensorflow/tfjs-core';
import { type GraphNode, shapeText, type Value } from '../../../shared/graph/graph.ts';
import { GraphError } from '../../../shared/graph/graph-error.ts';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { convolutionTranslations } from './convolutions.ts';
import { elementwiseTranslations } from './elementwise.ts';
import { constantNumbers, constantTensor, Held } from './held.ts';
import { indexingTranslations } from './indexing.ts';
import { matrixTranslations } from './matrices.ts';
import { normalisationTranslations } from './normalisations.ts';
import { poolTranslations } from './pools.ts';
import { reductionTranslations } from './reductions.ts';
import { selectionTranslations } from './selections.ts';
import { shapeTranslations } from './shapes.ts';
import { sourceTranslations } from './sources.ts';
import type { Translation } from './translation.ts';

const translations: Readonly<Record<string, Translation>> = {
  ...elementwiseTranslations,
  ...shapeTranslations,
  ...selectionTranslations,
  ...sourceTranslations,
  ...indexingTranslations,
  ...reductionTranslations,
  ...matrixTranslations,
  ...convolutionTranslations,
  ...poolTranslations,
  ...normalisationTranslations,
};

/** Operators the interpreter knows, sorted. */
export function translatedOperators(): string[] {
  return Object.keys(translations).sort();
}

/** The nodes that `wanted` depends on, in order. */
export function nodesFor(nodes: readonly GraphNode[], wanted: readonly Value[]): GraphNode[] {
  const needed = new Set(wanted.map((value) => value.name));
  const kept: GraphNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output.name))) continue;
    kept.push(node);
    for (const input of node.inputs) needed.add(input.name);
  }
  return kept.reverse();
}

const isInteger = ({ type }: Value): boolean => type === 'int64' || type === 'int32';

/**
 * Part of a graph made ready to be carried out with tensorflow.js, again and again, so that the library can differentiate what it sees. Its
 * constants stay where the library computes until it is disposed of.
 */
export class GraphProgram {
  readonly #tf: TfjsLibrary;
  readonly #nodes: readonly GraphNode[];
  readonly #wanted: readonly Value[];
  readonly #constants = new Map<string, Held>();

  /**
   * @param nodes each after those it depends on
   * @param wanted values to give back
   * @throws GraphError `unknown_operator`
   */
  constructor(tf: TfjsLibrary, nodes: readonly GraphNode[], wanted: readonly Value[]) {
    this.#tf = tf;
    this.#nodes = nodesFor(nodes, wanted);
    this.#wanted = wanted;
    for (const { operator } of this.#nodes) {
      if (!Object.hasOwn(translations, operator)) {
        throw new GraphError('unknown_operator', `tensorflow.js does not run the operator ${operator} here`, {
          operator,
        });
      }
    }
  }

  /**
   * To be called within `tidy`, which disposes of what is not given back.
   * @param feeds a tensor an input, by name, in the graph's order of axes
   * @returns the wanted tensors by name, some of which may be fed ones or constants
   * @throws GraphError `unknown_value`
   */
  run(feeds: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    const tf = this.#tf;
    const held = new Map<string, Held>();
    const heldOf = (value: Value, reader: string): Held => {
      const known = held.get(value.name) ?? this.#constants.get(value.name);
      if (known !== undefined) return known;
      const fed = feeds.get(value.name);
      if (fed === undefined) return this.#constant(value, reader);
      const result = Held.of(tf, fed);
      held.set(value.name, result);
      return result;
    };
    for (const node of this.#nodes) {
      const translate = translations[node.operator] as Translation;
      const outputs = translate({ tf, node, inputs: node.inputs.map((value) => heldOf(value, node.operator)) });
      for (const [index, output] of node.outputs.entries()) {
        const result = outputs[index];
        if (result !== undefined) held.set(output.name, result);
      }
    }
    return new Map(this.#wanted.map((value) => [value.name, heldOf(value, 'the caller').tensor]));
  }

  dispose(): void {
    for (const held of this.#constants.values()) held.tensor.dispose();
    this.#constants.clear();
  }

  #constant(value: Value, reader: string): Held {
    if (value.constant === undefined) {
      throw new GraphError(
        'unknown_value',
        `${reader} takes ${value.name} ${shapeText(value.shape)}, which is neither fed nor computed`,
      );
    }
    const tensor = this.#tf.keep(constantTensor(this.#tf, value));
    const held = Held.of(this.#tf, tensor, isInteger(value) ? constantNumbers(value) : undefined);
    this.#constants.set(value.name, held);
    return held;
  }
}
