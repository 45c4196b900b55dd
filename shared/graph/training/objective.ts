import type { Plan } from '../../plan/plan.ts';
import { effectiveWeights, frozenParameters, trainedParameters } from '../adapters.ts';
import type { Value } from '../graph.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';
import { networkOf, type Parameter } from '../network.ts';
import { asType } from '../vector-jacobian/numbers.ts';
import type { FedTensor, ForwardFeeds } from './feeds.ts';
import { labelWidth, lossDecomposes, lossOf, pullPenalty, rowLosses, squaredPenalty } from './losses.ts';
import { MixedBuilder } from './mixed-builder.ts';

export type { FedTensor } from './feeds.ts';

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
  /** mixed: the network in float16 where that is safe, loss and what is carried in float32. float32 when absent. */
  readonly precision?: 'float32' | 'mixed';
}

/** Forward pass and loss on a fixed number of rows, not yet differentiated. */
export interface Objective extends ForwardFeeds {
  readonly builder: GraphBuilder;
  /** Every trained tensor by name, with its value in the graph. */
  readonly trained: ReadonlyMap<string, { readonly parameter: Parameter; readonly value: Value }>;
  /** Names of those that move by gradient. */
  readonly moving: readonly string[];
  /** Rows of the batch that these are part of. */
  readonly of: number;
  /** The inputs that hold a row each along their first axis, labels among them. */
  readonly rowValues: readonly Value[];
  /** [rows], without penalties. */
  readonly rowLosses: Value;
  /** Scalar: sum of the rows' losses by the rows of the batch. */
  readonly dataLoss: Value;
  /** Scalar: this part's share of the penalties; null when there are none. */
  readonly penalty: Value | null;
  /** Scalar: this part's share of the batch's mean loss, with penalties. */
  readonly loss: Value;
  /** Next value of each buffer. */
  readonly buffers: ReadonlyMap<string, Value>;
  /** Whether a batch may be cut into parts, see `batchMayBeCut`. */
  readonly decomposes: boolean;
}

/** Whether each row's loss depends on that row alone, so that the parts of a batch add up and each row has a gradient of its own. */
export function batchMayBeCut(plan: Plan): boolean {
  return lossDecomposes(plan) && networkOf(plan).mixesRows === null;
}

/** @throws GraphError `mixes_rows`, saying what mixes them */
export function refuseMixedRows(plan: Plan, purpose: string): void {
  if (batchMayBeCut(plan)) return;
  const { mixesRows } = networkOf(plan);
  const by = mixesRows === null ? `the loss ${lossOf(plan).kind}` : `the operator ${mixesRows}`;
  throw new GraphError(
    'mixes_rows',
    `${by} makes the loss of one row depend on the other rows of its batch, so ${purpose}`,
    { operator: mixesRows ?? lossOf(plan).kind },
  );
}

/** The tensors that move by gradient, of those that travel: no buffers, and only those named where names are given. */
export function movingParameters(
  trained: readonly Parameter[],
  trainable: readonly string[] | undefined,
): readonly Parameter[] {
  const named = trainable === undefined ? null : new Set(trainable);
  return trained.filter(({ name, role }) => role !== 'buffer' && (named?.has(name) ?? true));
}

/** What the objective's graph is fed beside the trained tensors. */
export function feedsOf({ rowInputs, labels, frozen, random, anchors }: ForwardFeeds): ForwardFeeds {
  return { rowInputs, labels, frozen, random, anchors };
}

/**
 * Adds forward pass and loss of the plan to a new graph.
 * @throws GraphError `mixes_rows` when part of a batch is asked for and the batch cannot be cut
 */
export function buildObjective(plan: Plan, options: ObjectiveOptions): Objective {
  const { rows } = options;
  const of = options.of ?? rows;
  if (of !== rows) {
    refuseMixedRows(
      plan,
      `a batch of ${of} cannot be computed ${rows} rows at a time: choose a smaller training.batch`,
    );
  }
  const mixed = options.precision === 'mixed' ? new MixedBuilder('training') : null;
  const builder = mixed ?? new GraphBuilder('training');
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
  const moving = movingParameters(trainedParameters(plan), options.trainable).map(({ name }) => name);
  const moved = new Set(moving);
  const random: FedTensor[] = [];
  const values = new Map([...trained].map(([name, { value }]) => [name, value] as const));
  if (mixed !== null) mixed.half = false;
  const weights = effectiveWeights(builder, plan, values, frozenValues);
  if (mixed !== null) mixed.half = true;
  const { outputs, buffers } = network.forward({
    builder,
    inputs,
    weights,
    ...(network.parameters.every(({ name, role }) => role === 'buffer' || moved.has(name))
      ? {}
      : { moves: (name: string) => moved.has(name) }),
    random:
      options.random === false
        ? null
        : (shape) => {
            const fed = { name: `random/${random.length}`, shape };
            random.push(fed);
            return builder.input(fed.name, 'float', shape);
          },
  });
  if (mixed !== null) mixed.half = false;
  const losses = rowLosses(builder, plan, asType(builder, outputs, 'float'), labels);
  const dataLoss = builder.mul(builder.sum(losses), builder.scalar(1 / of));
  const penalised = new Map(
    moving.flatMap((name) =>
      trained.get(name)?.parameter.role === 'weight' ? [[name, values.get(name) as Value] as const] : [],
    ),
  );
  const penalties = [squaredPenalty(builder, penalised, plan.training.l2)];
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
    penalties.push(pullPenalty(builder, values, anchorValues, builder.input('proximal', 'float', [])));
  }
  const whole = penalties
    .filter((part) => part !== null)
    .reduce<Value | null>((sum, part) => (sum === null ? part : builder.add(sum, part)), null);
  const penalty = whole === null || of === rows ? whole : builder.mul(whole, builder.scalar(rows / of));
  return {
    builder,
    rowInputs: network.inputs.map(({ name, shape }) => ({ name, shape: [rows, ...shape] })),
    labels: { name: 'labels', shape: labels.shape as number[] },
    trained,
    moving,
    frozen,
    random,
    anchors,
    of,
    rowValues: [...inputs.values(), labels],
    rowLosses: losses,
    dataLoss,
    penalty,
    loss: penalty === null ? dataLoss : builder.add(dataLoss, penalty),
    buffers,
    decomposes: batchMayBeCut(plan),
  };
}
