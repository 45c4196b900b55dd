import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';

/** How a tensor starts in round 0, drawn from the plan's seed, one stream a tensor. */
export type InitialValue =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'constant'; readonly value: number }
  /** Uniform on ±limit. */
  | { readonly kind: 'uniform'; readonly limit: number }
  /** Normal with mean 0. */
  | { readonly kind: 'normal'; readonly deviation: number };

/** One tensor of a network. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /**
   * `weight`: trained, with penalty and decay. `bias`: trained without either.
   * `buffer`: not trained by gradient, such as the running means of BatchNormalization; it is carried and travels with the delta.
   */
  readonly role: 'weight' | 'bias' | 'buffer';
  readonly initial: InitialValue;
}

/** What a network takes of a row: the encoded columns, or the series or image. */
export interface NetworkInput {
  readonly name: 'features' | 'payload';
  /** Of one row. */
  readonly shape: readonly number[];
}

export interface ForwardUse {
  readonly builder: GraphBuilder;
  /** By name of input: [N, ...shape]; N is a number in training and a name at inference. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** A value a parameter, by name. */
  readonly weights: ReadonlyMap<string, Value>;
  /** Uniforms in [0, 1) of this shape, new ones each step; null at inference, where nothing is random. */
  readonly random: ((shape: readonly number[]) => Value) | null;
  /**
   * Whether a parameter moves in this training; all do when absent. A batch normalisation of which neither scale nor shift moves is a frozen layer:
   * it normalises by its running statistics and leaves them as they are, as at inference.
   */
  readonly moves?: ((name: string) => boolean) | undefined;
}

/** A network: the one definition that both engines train and that a release holds. */
export interface Network {
  readonly inputs: readonly NetworkInput[];
  /** Sorted by name. */
  readonly parameters: readonly Parameter[];
  /** Numbers it puts out a row: logits, or predicted values. */
  readonly outputs: number;
  /** Names of the parameters of the last layer. */
  readonly lastLayer: readonly string[];
  /** Operator that makes one row's output depend on the others of its batch in training; null when there is none. */
  readonly mixesRows: string | null;
  /** @returns outputs [N, outputs], and the next value of each buffer (none at inference) */
  forward(use: ForwardUse): { readonly outputs: Value; readonly buffers: ReadonlyMap<string, Value> };
}
