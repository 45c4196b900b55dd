import type { Plan } from '../../plan/plan.ts';
import { effectiveWeights, frozenParameters, trainedParameters } from '../adapters.ts';
import type { Value } from '../graph.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { networkOf, type Parameter } from '../network.ts';
import { labelWidth, meanLoss, withPenalty, withPull } from './losses.ts';

/** What an objective is built for. */
export interface ObjectiveOptions {
  /** Rows it is given at once. */
  readonly rows: number;
  /** Rows of the batch they are part of; `rows` when absent. The losses of the parts of a batch add up to the batch's mean. */
  readonly of?: number;
  /** Names of the trained tensors that move; the others keep their values. All when absent. */
  readonly trainable?: readonly string[];
  /** With a term that pulls the moving tensors to where they started; its strength is the input `proximal`. */
  readonly pull?: boolean;
  /** Random values, as in training; false for a validation loss. True when absent. */
  readonly random?: boolean;
}

/** A tensor fed to a graph. */
export interface FedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Forward pass and loss on a fixed number of rows, not yet differentiated. */
export interface Objective {
  readonly builder: GraphBuilder;
  /** `features` [rows, F] and `payload` [rows, ...], those the network takes. */
  readonly rowInputs: readonly FedTensor[];
  /** [rows], or [rows, 2] for survival. */
  readonly labels: FedTensor;
  /** Every trained tensor by name, with its value in the graph. */
  readonly trained: ReadonlyMap<string, { readonly parameter: Parameter; readonly value: Value }>;
  /** Names of those that move by gradient. */
  readonly moving: readonly string[];
  /** `frozen/NAME`. */
  readonly frozen: readonly (FedTensor & { readonly weight: string })[];
  /** `random/K`: uniforms in [0, 1), new ones each step. */
  readonly random: readonly FedTensor[];
  /** `anchor/NAME`: where the moving tensors started; empty without the pull, which also takes the scalar `proximal`. */
  readonly anchors: readonly (FedTensor & { readonly weight: string })[];
  /** Scalar: this part's share of the batch's mean loss, with penalties. */
  readonly loss: Value;
  /** Next value of each buffer. */
  readonly buffers: ReadonlyMap<string, Value>;
}

/** Adds forward pass and loss of the plan to a new graph. */
export function buildObjective(plan: Plan, options: ObjectiveOptions): Objective {
  const { rows } = options;
  const of = options.of ?? rows;
  const builder = new GraphBuilder('training');
  const network = networkOf(plan);
  const inputs = new Map(
    network.inputs.map(({ name, shape }) => [name, builder.input(name, 'float', [rows, ...shape])] as const),
  );
  const width = labelWidth(plan);
  const labels = builder.input('labels', 'float', width === 1 ? [rows] : [rows, width]);
  const trained = new Map(
    trainedParameters(plan).map(
      (parameter) =>
        [parameter.name, { parameter, value: builder.input(parameter.name, 'float', parameter.shape) }] as const,
    ),
  );
  const frozen = frozenParameters(plan).map(({ name, shape }) => ({ name: `frozen/${name}`, weight: name, shape }));
  const frozenValues = new Map(
    frozen.map(({ name, weight, shape }) => [weight, builder.input(name, 'float', shape)] as const),
  );
  const moving = [...trained.values()]
    .filter(({ parameter }) => parameter.role !== 'buffer' && (options.trainable?.includes(parameter.name) ?? true))
    .map(({ parameter }) => parameter.name);
  const random: FedTensor[] = [];
  const values = new Map([...trained].map(([name, { value }]) => [name, value] as const));
  const { outputs, buffers } = network.forward({
    builder,
    inputs,
    weights: effectiveWeights(builder, plan, values, frozenValues),
    random:
      options.random === false
        ? null
        : (shape) => {
            const fed = { name: `random/${random.length}`, shape };
            random.push(fed);
            return builder.input(fed.name, 'float', shape);
          },
  });
  const mean = meanLoss(builder, plan, outputs, labels);
  const movingWeights = new Map(moving.map((name) => [name, values.get(name) as Value] as const));
  const penalised = new Map([...movingWeights].filter(([name]) => trained.get(name)?.parameter.role === 'weight'));
  let loss = withPenalty(builder, mean, penalised, plan.training.l2);
  const anchors =
    options.pull === true
      ? moving.map((name) => ({
          name: `anchor/${name}`,
          weight: name,
          shape: trained.get(name)?.parameter.shape ?? [],
        }))
      : [];
  if (options.pull === true) {
    const anchorValues = new Map(
      anchors.map(({ name, weight, shape }) => [weight, builder.input(name, 'float', shape)] as const),
    );
    loss = withPull(builder, loss, values, anchorValues, builder.input('proximal', 'float', []));
  }
  return {
    builder,
    rowInputs: network.inputs.map(({ name, shape }) => ({ name, shape: [rows, ...shape] })),
    labels: { name: 'labels', shape: labels.shape as number[] },
    trained,
    moving,
    frozen,
    random,
    anchors,
    loss: of === rows ? loss : builder.mul(loss, builder.scalar(rows / of)),
    buffers,
  };
}
