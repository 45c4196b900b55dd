import type { ContractColumn } from '../../shared/plan/contract.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Preprocessing } from '../../shared/plan/preprocessing.ts';
import type { FineScores, LossSums, SharedEmbedding, SiteCells } from '../../shared/plan/shared-judgement.ts';
import { sharingRules } from '../../shared/plan/sharing.ts';
import { strataOf } from '../../shared/privacy/column-strata.ts';
import { gaussianNoise, gaussianSigma, type SecureBytes } from '../../shared/privacy/gaussian-mechanism.ts';
import { effectiveMinimum } from '../../shared/privacy/suppression.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { permutation, randomStream } from '../../shared/runtime/random.ts';
import { binIndex, countBins } from '../../shared/statistics/binning.ts';
import { exactSum } from '../../shared/statistics/exact-sum.ts';
import { fourierFeatures, meanEmbeddingSensitivity } from '../../shared/statistics/fourier-features.ts';
import type { SiteTable } from '../data/site-table.ts';

export interface CountedRows {
  readonly plan: Plan;
  /** The consortium's reference of the release; null where it has none: then no embedding and no label weights. */
  readonly preprocessing: Preprocessing | null;
  readonly table: SiteTable;
  /** Judged rows, one a patient. */
  readonly judged: Uint32Array;
  /** Predicted risks of the judged rows, in their order; null for other tasks than binary, `current` also without a model in use. */
  readonly scores: { readonly new: Float64Array; readonly current: Float64Array | null } | null;
}

/**
 * Counts of the judged rows on the plan's edges and what else may be shared of them: exact, so they stay at the site until
 * `shareJudgement` has suppressed what must not leave. The order of the rows changes nothing but the noise of the embedding.
 *
 * @param bytes the system's secure source, for that noise alone.
 */
export function countSharedCells(counted: CountedRows, bytes?: SecureBytes): SiteCells {
  const { plan, table, judged, scores } = counted;
  const labels = Float64Array.from(judged, (row) => table.labels[row] as number);
  const { label } = plan.data;
  const { scoreEdges } = sharingRules(plan);
  const valuesOf = (column: number): Float64Array => {
    const source = table.columns[column]?.values ?? new Float64Array(0);
    const values = new Float64Array(judged.length);
    for (let place = 0; place < judged.length; place++) values[place] = source[judged[place] as number] as number;
    return values;
  };
  const columnIndex = new Map(plan.data.columns.map(({ name }, index) => [name, index]));
  return {
    secret: secretOf(counted),
    rows: judged.length,
    classes: 'levels' in label && plan.task.kind !== 'regression' ? classCounts(labels, label.levels.length) : null,
    columns: plan.data.columns.map((column, index) => ({
      name: column.name,
      counts: countBins(valuesOf(index), column),
    })),
    strata: strataOf(plan).map((strata) => {
      const events = new Array<number>(strata.cells.length).fill(0);
      const nonEvents = new Array<number>(strata.cells.length).fill(0);
      const values = valuesOf(columnIndex.get(strata.column) as number);
      for (let place = 0; place < values.length; place++) {
        // Without two outcomes every patient counts as one without the event: only the sum of both is used then.
        const counts = plan.task.kind === 'binary' && labels[place] === 1 ? events : nonEvents;
        const cell = strata.cellOf(values[place] as number);
        counts[cell] = (counts[cell] as number) + 1;
      }
      return {
        column: strata.column,
        cells: strata.cells.map((cell, at) => ({
          ...cell,
          events: events[at] as number,
          nonEvents: nonEvents[at] as number,
        })),
      };
    }),
    fewRisks:
      scores !== null &&
      [scores.new, scores.current].some((risks) => risks !== null && hasFewRisks(risks, labels, plan)),
    scores: {
      new: scores === null ? null : histogram(scores.new, labels, scoreEdges),
      current: scores?.current == null ? null : histogram(scores.current, labels, scoreEdges),
    },
    embedding: embeddingOf(counted, bytes),
    sums: scores === null ? [] : lossSums(scores.new, labels, counted.preprocessing?.labelCounts ?? null),
  };
}

/**
 * What nobody outside can know or try: every patient's key with outcome and risk, hashed (FNV-1a) and added up, so that the order of the
 * rows changes nothing and a million of them take no memory.
 */
function secretOf({ table, judged, scores }: CountedRows): SiteCells['secret'] {
  const sums = new Uint32Array(4);
  const bits = new Uint32Array(2);
  const risk = new Float64Array(bits.buffer);
  for (let place = 0; place < judged.length; place++) {
    const row = judged[place] as number;
    const key = table.patientKeys[row] as string;
    let hash = 0x811c9dc5;
    for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
    risk[0] = scores?.new[place] ?? (table.labels[row] as number);
    for (let at = 0; at < 4; at++) {
      hash = Math.imul(hash ^ (bits[at % 2] as number) ^ (at + 1), 0x01000193);
      sums[at] = ((sums[at] as number) + hash) >>> 0;
    }
  }
  const total = scores === null ? null : exactSum(scores.new);
  return digestOf(JSON.stringify(['shared cells', judged.length, [...sums], total]));
}

function classCounts(labels: Float64Array, levels: number): number[] {
  const counts = new Array<number>(levels).fill(0);
  for (const label of labels) counts[label] = (counts[label] as number) + 1;
  return counts;
}

function histogram(scores: Float64Array, labels: Float64Array, edges: readonly number[]): FineScores {
  const events = new Array<number>(edges.length + 1).fill(0);
  const nonEvents = new Array<number>(edges.length + 1).fill(0);
  for (let place = 0; place < scores.length; place++) {
    const counts = labels[place] === 1 ? events : nonEvents;
    const cell = binIndex(scores[place] as number, edges);
    counts[cell] = (counts[cell] as number) + 1;
  }
  return { edges, events, nonEvents };
}

/**
 * Different risks of a model from which on its figures are not solved for the patients behind each: some thirty figures of four decimals
 * are shared, and every risk adds two unknown counts.
 */
const manyRisks = 50;

/**
 * Whether a model gives fewer risks than that, and one of them to 1 to minimum - 1 patients of an outcome. Where most patients have a risk
 * of their own, made of values that nobody outside can list, there is nothing to solve for.
 */
function hasFewRisks(risks: Float64Array, labels: Float64Array, plan: Plan): boolean {
  const minimum = effectiveMinimum(plan.federation.minimumCount);
  const listed = plan.data.columns.every(({ kind }) => kind === 'categorical');
  const counts = new Map<number, [number, number]>();
  for (let place = 0; place < risks.length; place++) {
    const risk = risks[place] as number;
    let found = counts.get(risk);
    if (found === undefined) {
      if (counts.size === manyRisks - 1) return false;
      found = [0, 0];
      counts.set(risk, found);
    }
    found[labels[place] === 1 ? 1 : 0]++;
  }
  if (!listed && 2 * counts.size > risks.length) return false;
  return [...counts.values()].flat().some((count) => count > 0 && count < minimum);
}

function lossSums(
  scores: Float64Array,
  labels: Float64Array,
  consortium: readonly number[] | null,
): readonly LossSums[] {
  const losses = scores.map((score, place) => (score - (labels[place] as number)) ** 2);
  const sumsWith = (weighting: LossSums['weighting'], weights: Float64Array): LossSums => ({
    weighting,
    weight: exactSum(weights),
    weightedLoss: exactSum(weights.map((weight, place) => weight * (losses[place] as number))),
    squaredWeight: exactSum(weights.map((weight) => weight * weight)),
  });
  const plain = sumsWith('none', new Float64Array(scores.length).fill(1));
  const events = labels.reduce((sum, label) => sum + label, 0);
  const [nonEventsThere, eventsThere] = consortium ?? [];
  const share = (eventsThere ?? 0) / ((eventsThere ?? 0) + (nonEventsThere ?? 0));
  // Without both classes on both sides no weight makes the one into the other.
  if (!(share > 0 && share < 1) || events === 0 || events === labels.length) return [plain];
  const here = events / labels.length;
  return [
    plain,
    sumsWith(
      'label',
      labels.map((label) => (label === 1 ? share / here : (1 - share) / (1 - here))),
    ),
  ];
}

/** A row as the embedding takes it: standardised values, 0 where missing; a 0 or 1 a level and one for a missing value. */
function coordinatesOf(column: ContractColumn): number {
  return column.kind === 'continuous' ? 2 : column.levels.length + 1;
}

/** Median distance between rows of so many independent standard coordinates: the usual bandwidth, from the plan alone. */
export function embeddingShape(plan: Plan): { readonly dimension: number; readonly bandwidth: number } {
  const dimension = plan.data.columns.reduce((sum, column) => sum + coordinatesOf(column), 0);
  return { dimension, bandwidth: Math.sqrt(2 * plan.data.columns.length) };
}

/** Most rows behind a mean embedding: beyond them the privacy noise is far below any shift of note, and the features take minutes. */
const embeddedRows = 50_000;

function embeddingOf(
  { plan, preprocessing, table, judged: all }: CountedRows,
  bytes: SecureBytes | undefined,
): SharedEmbedding | null {
  const { embedding: rules } = sharingRules(plan);
  if (rules === null || preprocessing === null || all.length < plan.federation.minimumCount) return null;
  // Judged rows stand in the order of patient keys, so a seeded draw of places is the same whatever the order of the table.
  const judged =
    all.length <= embeddedRows
      ? all
      : permutation(all.length, randomStream(plan.training.seed, 'embedding', all.length))
          .subarray(0, embeddedRows)
          .map((place) => all[place] as number);
  const { dimension, bandwidth } = embeddingShape(plan);
  const values = new Float64Array(judged.length * dimension);
  let start = 0;
  for (const [index, column] of plan.data.columns.entries()) {
    const reference = preprocessing.columns[index];
    const source = table.columns[index]?.values;
    for (const [place, row] of judged.entries()) {
      const at = place * dimension + start;
      const value = source?.[row] as number;
      if (column.kind === 'continuous') {
        const missing = Number.isNaN(value);
        values[at] = missing ? 0 : (value - (reference?.mean ?? 0)) / (reference?.scale ?? 1);
        values[at + 1] = missing ? 1 : 0;
      } else values[at + (Number.isNaN(value) ? column.levels.length : value)] = 1;
    }
    start += coordinatesOf(column);
  }
  const map = fourierFeatures({ dimension, features: rules.features, bandwidth, seed: plan.training.seed });
  const mean = map.meanEmbedding({ rows: judged.length, columns: dimension, values });
  if (mean === null) return null;
  const noiseSd = gaussianSigma(rules.epsilon, rules.delta, meanEmbeddingSensitivity(judged.length));
  const noise = gaussianNoise(mean.length, noiseSd, bytes);
  return {
    // On a grid far coarser than the gaps of floating-point noise, through which the value itself could show.
    mean: Array.from(mean, (value, at) => Math.round((value + (noise[at] as number)) * 1e6) / 1e6),
    rows: judged.length,
    noiseSd,
    epsilon: rules.epsilon,
    delta: rules.delta,
  };
}
