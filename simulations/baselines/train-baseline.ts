import * as fedavg from '../../shared/algorithms/fedavg.ts';
import { frozenWeights } from '../../shared/graph/adapters.ts';
import { initialWeights } from '../../shared/graph/families.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { deriveSeed } from '../../shared/runtime/random.ts';
import type { NamedTensors, Tensor } from '../../shared/tensors/tensor.ts';
import type { DesignMatrix, PayloadRows, Trainer } from '../../site-agent/training/trainer.ts';
import type { TrainingRows } from '../../site-agent/training/training-rows.ts';

function added(weights: NamedTensors, delta: NamedTensors): NamedTensors {
  const sum = ([name, { shape, data }]: [string, Tensor]): [string, Tensor] => {
    const change = (delta.get(name) as Tensor).data;
    return [name, { shape, data: fedavg.finish(fedavg.apply(fedavg.init(data.length), change, 1), data) }];
  };
  return new Map([...weights].map(sum));
}

/**
 * Trains the plan's model on rows that lie in one place: the same starting weights, and as many rounds of the same work as the
 * run has, each round with a fresh optimiser and batch order, schedules and early stopping as there. It is what a run with one site would give, to the bit.
 *
 * @param name whose batch order it has, in place of a site's name
 * @throws TrainingError, such as `no_rows` or `not_finite_delta`; the signal's reason when aborted
 */
export async function trainInOnePlace(
  input: {
    readonly plan: Plan;
    readonly rows: TrainingRows;
    readonly name: string;
    /** Weights of the plan's ONNX file; absent for plans without one. */
    readonly base?: NamedTensors | undefined;
  },
  trainer: Trainer,
  signal: AbortSignal,
): Promise<NamedTensors> {
  const { plan, rows, name, base } = input;
  let weights = initialWeights(plan, base);
  const frozen = frozenWeights(plan, base);
  for (let round = 1; round <= plan.federation.rounds; round++) {
    const seed = deriveSeed(plan.training.seed, 'batches', round, name);
    // Round 0 of a run is that of the summaries: schedules begin with the first that trains.
    const { delta } = await trainer.train({ plan, ...rows, weights, frozen, seed, round: round - 1 }, signal);
    weights = added(weights, delta);
  }
  return weights;
}

/** What several hospitals train on, and what each sets aside for early stopping, under each other in the order given. */
export function stackedRows(sites: readonly TrainingRows[]): TrainingRows {
  const aside = sites.flatMap(({ validation }) => (validation === undefined ? [] : [validation]));
  const data = stacked(sites.map((rows) => rows.data));
  return aside.length === 0 ? { data } : { data, validation: stacked(aside) };
}

function stacked(matrices: readonly DesignMatrix[]): DesignMatrix {
  const [first] = matrices;
  if (first === undefined) throw new RangeError('stacked: no rows of any hospital');
  const rows = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
  const under = <Values extends Float32Array | Uint8Array>(
    into: Values,
    of: (matrix: DesignMatrix) => Values,
  ): Values => {
    let at = 0;
    for (const matrix of matrices) {
      into.set(of(matrix), at);
      at += of(matrix).length;
    }
    return into;
  };
  const lengthOf = (of: (matrix: DesignMatrix) => { readonly length: number }): number =>
    matrices.reduce((sum, matrix) => sum + of(matrix).length, 0);
  const payloadOf = (matrix: DesignMatrix) => (matrix.payload as PayloadRows).values;
  const payload =
    first.payload === undefined
      ? {}
      : {
          payload: {
            ...first.payload,
            values:
              first.payload.values instanceof Uint8Array
                ? under(new Uint8Array(lengthOf(payloadOf)), (matrix) => payloadOf(matrix) as Uint8Array)
                : under(new Float32Array(lengthOf(payloadOf)), (matrix) => payloadOf(matrix) as Float32Array),
          },
        };
  return {
    rows,
    features: first.features,
    values: under(new Float32Array(rows * first.features), ({ values }) => values),
    labels: under(new Float32Array(lengthOf(({ labels }) => labels)), ({ labels }) => labels),
    ...payload,
  };
}
