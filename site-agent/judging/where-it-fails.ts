import type { ContractColumn, DataContract } from '../../shared/plan/contract.ts';
import type { LossLeaf, SliceEvidence } from '../../shared/plan/judgement.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { binsOf, cellOf } from '../../shared/statistics/binning.ts';
import { meanAndVariance } from '../../shared/statistics/exact-sum.ts';
import { lossTree, type TreeColumn, type TreeNode } from '../../shared/statistics/loss-tree.ts';
import { normalUpper } from '../../shared/statistics/normal.ts';
import { type SliceCondition, sliceSearch } from '../../shared/statistics/slices.ts';
import { spiegelhalter } from '../../shared/statistics/spiegelhalter.ts';
import type { SiteTable } from '../data/site-table.ts';
import { squaredErrors } from './gap.ts';
import { sampleOf } from './sample.ts';
import { rangeTexts } from './shift-words.ts';

const reported = 10;
/** The best by size of error, of which those the model does not account for are reported. */
const candidates = 50;
/** Rows searched at most: a slice of 5% has 2,500 of them, far more than it takes. What is found is then described on all rows. */
const searchedAtMost = 50_000;

/** The judged rows with the new model's risks. */
interface Judged {
  readonly rows: Uint32Array;
  readonly labels: Float64Array;
  readonly risks: Float64Array;
}

/**
 * Where the model fails: slices of one or two conditions over the plan's bins and levels, missing values a level of their own, and the leaves
 * of a tree of depth 3 on the squared error. Exploratory: no rule reads them.
 *
 * A patient whose risk is near one half has a large squared error with any model, and a slice of such patients is no failure. A slice is
 * therefore reported only where the error is larger than among all others (Welch's test, Benjamini-Hochberg over every slice searched) and
 * larger than the model's own risks lead to expect (Spiegelhalter's test in the slice, one-sided, Bonferroni over every slice searched). Its
 * p and adjusted p are the larger of the two.
 */
export function whereItFails(
  table: SiteTable,
  contract: DataContract,
  judged: Judged,
  { policy, seed }: { readonly policy: Policy; readonly seed: number },
): { readonly slices: SliceEvidence[]; readonly lossTree: LossLeaf[] } {
  const { rows, labels, risks } = judged;
  const drawn = sampleOf(
    Uint32Array.from(rows, (_, place) => place),
    searchedAtMost,
    randomStream(seed, 'searched'),
  );
  const pick = (values: Float64Array): Float64Array => Float64Array.from(drawn, (place) => values[place] as number);
  const searched = { labels: pick(labels), risks: pick(risks) };
  const losses = squaredErrors(searched.risks, searched.labels);
  const drawnRows = drawn.map((place) => rows[place] as number);
  const columns = contract.columns.map((column, index) => coded(table, column, index, drawnRows));
  const { minimumRows, minimumEvents, falseDiscoveryRate } = policy.slices;
  const search = sliceSearch(columns, losses, searched.labels, { minimumRows, minimumEvents, top: candidates, seed });
  const all = { labels, risks, losses: squaredErrors(risks, labels) };
  const slices: SliceEvidence[] = [];
  for (const { adjustedP, conditions, p, publishable, score } of search.slices) {
    if (!publishable || p === null || adjustedP === null || slices.length === reported) continue;
    const inside = membersOf(table, contract, conditions, rows);
    const { beyondP, ...figures } = figuresOf(inside, all);
    const adjusted = Math.max(adjustedP, Math.min(1, beyondP * (search.evaluated + search.pruned)));
    if (adjusted > falseDiscoveryRate) continue;
    slices.push({
      conditions: conditions.map(({ column, code }) => condition(contract.columns[column], [code])),
      ...figures,
      score,
      p: Math.max(p, beyondP),
      adjustedP: adjusted,
    });
  }
  const { root } = lossTree(columns, losses, searched.labels, { seed, minimumLeaf: minimumRows });
  return { slices, lossTree: root === null ? [] : leavesOf(root, contract, new Map()) };
}

/** Places among the rows of those that meet every condition. */
function membersOf(
  table: SiteTable,
  contract: DataContract,
  conditions: readonly SliceCondition[],
  rows: Uint32Array,
): Uint8Array {
  const inside = new Uint8Array(rows.length).fill(1);
  for (const { column, code } of conditions) {
    const of = contract.columns[column] as ContractColumn;
    const values = table.columns[column]?.values as Float64Array;
    for (let place = 0; place < rows.length; place++) {
      if (inside[place] === 1 && cellOf(values[rows[place] as number] as number, of) !== code) inside[place] = 0;
    }
  }
  return inside;
}

/**
 * Counts, mean losses inside and outside, and the one-sided p that the squared error inside is no larger than the risks lead to expect (1
 * where it cannot be said).
 */
function figuresOf(
  inside: Uint8Array,
  {
    labels,
    risks,
    losses,
  }: { readonly labels: Float64Array; readonly risks: Float64Array; readonly losses: Float64Array },
): Pick<SliceEvidence, 'rows' | 'events' | 'loss' | 'lossElsewhere'> & { readonly beyondP: number } {
  const side = (values: Float64Array, wanted: 0 | 1): Float64Array =>
    values.filter((_, place) => inside[place] === wanted);
  const ofSlice = side(labels, 1);
  const { z } = spiegelhalter(side(risks, 1), ofSlice);
  return {
    rows: ofSlice.length,
    events: ofSlice.reduce((sum, label) => sum + label, 0),
    loss: meanAndVariance(side(losses, 1)).mean,
    lossElsewhere: meanAndVariance(side(losses, 0)).mean,
    beyondP: z === null ? 1 : normalUpper(z),
  };
}

function coded(table: SiteTable, column: ContractColumn, index: number, rows: Uint32Array): TreeColumn {
  const values = table.columns[index]?.values as Float64Array;
  const codes = new Uint16Array(rows.length);
  for (let place = 0; place < rows.length; place++)
    codes[place] = cellOf(values[rows[place] as number] as number, column);
  return {
    name: column.name,
    codes,
    levels: binsOf(column),
    kind: column.kind === 'continuous' ? 'ordered' : 'levels',
  };
}

/** Leaves with a figure, worst first; a single leaf, the whole, is none. */
function leavesOf(node: TreeNode, contract: DataContract, path: ReadonlyMap<number, readonly number[]>): LossLeaf[] {
  const { split, left, right } = node;
  if (split === null || left === null || right === null) {
    if (node.meanError === null || path.size === 0) return [];
    const conditions = [...path].map(([column, codes]) => condition(contract.columns[column], codes));
    return [{ conditions, rows: node.rows, loss: node.meanError }];
  }
  const column = contract.columns[split.column] as ContractColumn;
  const before = path.get(split.column) ?? Array.from({ length: binsOf(column) }, (_, code) => code);
  const goesLeft = new Set(split.left);
  const side = (wanted: boolean): ReadonlyMap<number, readonly number[]> =>
    new Map([...path, [split.column, before.filter((code) => goesLeft.has(code) === wanted)]]);
  return [...leavesOf(left, contract, side(true)), ...leavesOf(right, contract, side(false))].sort(
    (a, b) => b.loss - a.loss,
  );
}

/** In plain words: which of the column's bins or levels. */
function condition(
  column: ContractColumn | undefined,
  codes: readonly number[],
): { readonly column: string; readonly text: string } {
  if (column === undefined) return { column: '', text: '' };
  const { name } = column;
  const missing = binsOf(column) - 1;
  const known = codes.filter((code) => code !== missing);
  const withMissing = known.length < codes.length;
  const parts =
    known.length === 0
      ? []
      : [column.kind === 'continuous' ? rangeTexts(column, known).join(' or ') : levelText(column, known)];
  return {
    column: name,
    text: `${name} ${[...parts, ...(withMissing ? ['missing'] : [])].join(' or ')}`.slice(0, 200),
  };
}

function levelText(column: ContractColumn & { readonly kind: 'categorical' }, codes: readonly number[]): string {
  const named = codes.slice(0, 5).map((code) => column.levels[code] ?? '');
  return `${named.join(' or ')}${codes.length > named.length ? ' or another' : ''}`;
}
