import type { ContinuousColumn, ContractColumn } from '../../shared/plan/contract.ts';
import type { ColumnShift } from '../../shared/plan/judgement.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import type { ColumnReference, Preprocessing } from '../../shared/plan/preprocessing.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { countBins } from '../../shared/statistics/binning.ts';
import { jensenShannonDistance } from '../../shared/statistics/distances.ts';
import { binnedKolmogorov, kolmogorovSmirnov } from '../../shared/statistics/kolmogorov.ts';
import { benjaminiHochberg } from '../../shared/statistics/multiplicity.ts';
import { binnedRankTest } from '../../shared/statistics/rank-test.ts';
import { poolSparseBins, populationStability, twoSampleChiSquare } from '../../shared/statistics/shift.ts';
import { binnedWasserstein, wasserstein } from '../../shared/statistics/wasserstein.ts';
import type { SiteTable } from '../data/site-table.ts';
import { type CodingChange, codingChange, unitAgainstCounts } from './coding-change.ts';
import { codingAgainstCounts, levelCoding } from './counts-coding.ts';
import { referenceName } from './reference-name.ts';
import { sampleOf } from './sample.ts';
import { cellsOf, inCells, type Look, lookOf, prevalenceSentence } from './shift-words.ts';

/** Cochran's bound: below it the chi-square distribution does not hold, and bins are pooled. */
const minimumExpected = 5;

/** So many values outside the plan's range that another unit brings back are no slip of the pen. */
const fewestOutOfRange = 10;

/** Rows of either side whose values are sorted and compared one by one; bins and levels are counted in all rows. */
const valuesAtMost = 100_000;

/** One comparison before p values are adjusted. */
interface Comparison {
  readonly column: string;
  readonly against: ColumnShift['against'];
  readonly referenceSites: ColumnShift['referenceSites'];
  readonly isLabel: boolean;
  readonly statistic: number | null;
  readonly degreesOfFreedom: number | null;
  readonly p: number | null;
  readonly psi: number | null;
  readonly jensenShannon: number | null;
  readonly scaledWasserstein: number | null;
  readonly kolmogorov: number | null;
  readonly missingRate: number | null;
  readonly referenceMissingRate: number | null;
  readonly reason: string | null;
  /** Asked for only when something is found. */
  readonly look: () => Look;
  readonly change: CodingChange | null;
  /** The change shows in rows that were left out, which no test of the others can see. */
  readonly certain: boolean;
}

export interface ShiftInput {
  readonly plan: Plan;
  readonly policy: Policy;
  /** Null when the release carries none: then only the site's own rows are compared with. */
  readonly preprocessing: Preprocessing | null;
  readonly table: SiteTable;
  readonly judged: Uint32Array;
  readonly training: Uint32Array;
  /** By column: values of rows left out because they lie outside the plan's range. */
  readonly outOfRange?: ReadonlyMap<string, ArrayLike<number>>;
  /** Of the rows whose values are looked at one by one, where there are more than enough. */
  readonly seed: number;
}

/**
 * Compares every column, and the label, of the judged rows with the consortium's reference counts and with this site's own training
 * rows. Of a column: two-sample chi-square over the plan's bins, missing values as a bin of their own (sparse bins pooled); of a
 * continuous one also the rank test on its ordered bins, which is far stronger against a shift one way, and against own rows
 * Kolmogorov-Smirnov on the values (of at most 100,000 rows a side, drawn by the seed). The smallest p of a column's tests is corrected for their number (Bonferroni), and those p values
 * are adjusted together, over the whole report (Benjamini-Hochberg): in a report without any shift nothing is found 19 times in 20.
 *
 * A column is found when its adjusted p is within the policy's rate, or when it looks like a change of coding; it is large when it is
 * found and its PSI reaches the policy's bound, or is found and a change of coding. The label's row is large when it is found.
 */
export function shiftReport(input: ShiftInput): ColumnShift[] {
  const drawn = {
    before: sampleOf(input.training, valuesAtMost, randomStream(input.seed, 'values', 'before')),
    now: sampleOf(input.judged, valuesAtMost, randomStream(input.seed, 'values', 'now')),
  };
  const comparisons = [
    ...input.plan.data.columns.flatMap((column, index) => compareColumn(input, drawn, column, index)),
    ...compareLabel(input),
  ];
  const adjusted = benjaminiHochberg(comparisons.map(({ p }) => p));
  const { falseDiscoveryRate, psi: psiBound } = input.policy.shift;
  return comparisons.map((comparison, index): ColumnShift => {
    const adjustedP = adjusted[index] ?? null;
    const significant = adjustedP !== null && adjustedP <= falseDiscoveryRate;
    const coding = comparison.change !== null && (significant || comparison.certain);
    const found = coding || significant;
    const large =
      coding || (significant && (comparison.isLabel || (comparison.psi !== null && comparison.psi >= psiBound)));
    const look = found ? (coding ? comparison.change : comparison.look()) : null;
    return {
      column: comparison.column,
      against: comparison.against,
      ...(comparison.referenceSites === undefined ? {} : { referenceSites: comparison.referenceSites }),
      statistic: comparison.statistic,
      degreesOfFreedom: comparison.degreesOfFreedom,
      p: comparison.p,
      adjustedP,
      psi: comparison.psi,
      jensenShannon: comparison.jensenShannon,
      scaledWasserstein: comparison.scaledWasserstein,
      kolmogorov: comparison.kolmogorov,
      missingRate: comparison.missingRate,
      referenceMissingRate: comparison.referenceMissingRate,
      found,
      large,
      kind: look?.kind ?? null,
      // Names of levels have no bound in the contract; sentences on the wire have.
      explanation: look?.explanation.slice(0, 900) ?? null,
      ...(comparison.reason === null ? {} : { reason: comparison.reason }),
    };
  });
}

/** Rows of either side whose values are looked at one by one. */
interface DrawnRows {
  readonly before: Uint32Array;
  readonly now: Uint32Array;
}

function compareColumn(input: ShiftInput, drawn: DrawnRows, column: ContractColumn, index: number): Comparison[] {
  const { table, judged, training, preprocessing } = input;
  const source = table.columns[index];
  if (source === undefined || source.name !== column.name) {
    throw new RangeError(
      `shiftReport: column ${index} of the table is ${source?.name ?? 'absent'}, not ${column.name}`,
    );
  }
  const now = valuesOf(source.values, judged);
  const before = valuesOf(source.values, training);
  const current = countBins(now, column);
  const own = countBins(before, column);
  const reference = preprocessing?.columns[index];
  const cells = cellsOf(current.length, reference?.referenceGroups ?? []);
  const merge = (counts: readonly number[]): number[] => inCells(counts, cells);
  const missingGroup = reference?.referenceGroups?.some((group) => group.includes(current.length - 1)) ?? false;
  const minimumCount = input.plan.federation.minimumCount;
  const consortium = {
    against: 'consortium',
    referenceSites: partial(reference?.referenceSites, preprocessing),
  } as const;
  const there = referenceName(consortium);
  const numeric = column.kind === 'continuous' ? numericSide(input, column, source.values, drawn) : null;
  const againstCounts = (): (CodingChange & { readonly certain?: boolean }) | null => {
    if (reference === undefined) return null;
    if (column.kind === 'categorical') {
      return missingGroup || reference.referenceGroups !== undefined
        ? null
        : levelCoding(column, reference.referenceCounts, current, there);
    }
    const coding = codingAgainstCounts(column, reference, numeric?.now as Float64Array, there, minimumCount);
    if (coding !== null || numeric?.change != null) return coding;
    return unitAgainstCounts(column, reference.referenceCounts, current, numeric?.now as Float64Array, merge);
  };
  const consortiumChange = againstCounts();
  const ownChange =
    column.kind === 'categorical'
      ? levelCoding(column, own, current, referenceName(ownRows))
      : (numeric?.change ?? null);
  const rateOf = (counts: readonly number[]): number | null => {
    const total = sum(counts);
    return total === 0 ? null : (counts[counts.length - 1] as number) / total;
  };
  const common = { column: column.name, isLabel: false, missingRate: rateOf(current) };
  const whole = (counts: readonly number[]): number[] => [...counts];
  return [
    {
      ...common,
      ...test(reference?.referenceCounts ?? null, current, merge),
      ...consortium,
      ...(column.kind === 'categorical' || reference === undefined
        ? {}
        : withCounts(test(reference.referenceCounts, current, merge), column, reference, current)),
      referenceMissingRate: reference === undefined || missingGroup ? null : rateOf(reference.referenceCounts),
      look: () => lookOf(column, there, reference?.referenceCounts ?? [], current, cells),
      change: consortiumChange,
      certain: consortiumChange?.certain ?? false,
    },
    {
      ...common,
      ...test(own, current, whole),
      ...(numeric === null ? {} : withValues(test(own, current, whole), own, current, numeric)),
      ...ownRows,
      referenceMissingRate: rateOf(own),
      look: () => lookOf(column, referenceName(ownRows), own, current, cellsOf(own.length, [])),
      change: ownChange,
      certain: ownChange?.kind === 'unit' && (input.outOfRange?.get(column.name)?.length ?? 0) >= fewestOutOfRange,
    },
  ];
}

/** Known values of a continuous column in the rows drawn, ascending, and what their change looks like. */
interface NumericSide {
  readonly before: Float64Array;
  readonly now: Float64Array;
  readonly change: CodingChange | null;
}

function numericSide(
  { outOfRange, plan }: ShiftInput,
  column: ContinuousColumn,
  values: Float64Array,
  drawn: DrawnRows,
): NumericSide {
  const sides = { before: knownAscending(values, drawn.before), now: knownAscending(values, drawn.now) };
  const outside = outOfRange?.get(column.name) ?? [];
  return { ...sides, change: codingChange(column, sides.before, sides.now, outside, plan.federation.minimumCount) };
}

function knownAscending(values: Float64Array, rows: Uint32Array): Float64Array {
  const known = new Float64Array(rows.length);
  let length = 0;
  for (let place = 0; place < rows.length; place++) {
    const value = values[rows[place] as number] as number;
    if (!Number.isNaN(value)) known[length++] = value;
  }
  return known.slice(0, length).sort();
}

type Tested = ReturnType<typeof test>;

/** Adds what the order of the bins tells beside chi-square. */
function withCounts(
  tested: Tested,
  column: ContinuousColumn,
  reference: ColumnReference,
  current: readonly number[],
): Partial<Comparison> {
  const ordered = orderedCells(reference.referenceCounts, current, reference.referenceGroups ?? []);
  // Where chi-square has too few rows in a bin the normal law of the rank test does not hold either.
  const rank = tested.p === null ? null : binnedRankTest(ordered.reference, ordered.current).p;
  const distance = binnedWasserstein(column.edges, reference.referenceCounts.slice(0, -1), current.slice(0, -1), {
    referenceSd: reference.count > 0 ? reference.scale : null,
  });
  return {
    p: smallestCorrected([tested.p, rank]),
    kolmogorov: ordered.whole ? binnedKolmogorov(ordered.reference, ordered.current).statistic : null,
    scaledWasserstein: reference.referenceGroups === undefined ? distance.scaled : null,
  };
}

/** The same against own rows, whose values are known. */
function withValues(
  tested: Tested,
  own: readonly number[],
  current: readonly number[],
  { before, now }: NumericSide,
): Partial<Comparison> {
  const rank = tested.p === null ? null : binnedRankTest(own.slice(0, -1), current.slice(0, -1)).p;
  const ks = kolmogorovSmirnov(before, now);
  return {
    p: smallestCorrected([tested.p, rank, ks.p]),
    kolmogorov: ks.statistic,
    scaledWasserstein: wasserstein(before, now).scaled,
  };
}

/** Bonferroni over the tests that are defined; null when none is. */
function smallestCorrected(pValues: readonly (number | null)[]): number | null {
  const defined = pValues.filter((p) => p !== null);
  return defined.length === 0 ? null : Math.min(1, defined.length * Math.min(...defined));
}

/**
 * Counts of the known values' bins in ascending order, groups of neighbours as one. A group that holds the missing cell or bins that are
 * no neighbours has no place in the order and is left out of both; then `whole` is false, and what is compared is the rest.
 */
function orderedCells(
  reference: readonly number[],
  current: readonly number[],
  groups: readonly (readonly number[])[],
): { readonly reference: number[]; readonly current: number[]; readonly whole: boolean } {
  const missing = current.length - 1;
  const into = new Map<number, number>();
  let whole = true;
  for (const group of groups) {
    const bins = [...group].sort((a, b) => a - b);
    const neighbours = bins.every((bin, place) => bin !== missing && bin === (bins[0] as number) + place);
    if (!neighbours) whole = false;
    for (const bin of bins) into.set(bin, neighbours ? (bins[0] as number) : -1);
  }
  const gather = (counts: readonly number[]): number[] => {
    const cells = new Map<number, number>();
    for (let bin = 0; bin < missing; bin++) {
      const cell = into.get(bin) ?? bin;
      if (cell >= 0) cells.set(cell, (cells.get(cell) ?? 0) + (counts[bin] as number));
    }
    return [...cells.values()];
  };
  return { reference: gather(reference), current: gather(current), whole };
}

function valuesOf(values: Float64Array, rows: Uint32Array): Float64Array {
  const picked = new Float64Array(rows.length);
  for (let place = 0; place < rows.length; place++) picked[place] = values[rows[place] as number] as number;
  return picked;
}

function compareLabel(input: ShiftInput): Comparison[] {
  const { plan, table, judged, training, preprocessing } = input;
  const { label } = plan.data;
  if (plan.task.kind === 'regression' || !('levels' in label)) return [];
  const countOf = (rows: Uint32Array): number[] => {
    const counts = new Array<number>(label.levels.length).fill(0);
    for (const row of rows) {
      const level = table.labels[row] as number;
      counts[level] = (counts[level] as number) + 1;
    }
    return counts;
  };
  const current = countOf(judged);
  const row = (
    against: Pick<Comparison, 'against' | 'referenceSites'>,
    reference: readonly number[] | null,
  ): Comparison => ({
    column: label.name,
    ...against,
    isLabel: true,
    ...test(reference, current, (counts) => [...counts]),
    missingRate: null,
    referenceMissingRate: null,
    look: () => ({
      kind: 'prevalence',
      explanation: prevalenceSentence(label.name, referenceName(against), reference ?? [], current),
    }),
    change: null,
    certain: false,
  });
  const consortium = {
    against: 'consortium',
    referenceSites: partial(preprocessing?.labelSites, preprocessing),
  } as const;
  return [row(consortium, preprocessing?.labelCounts ?? null), row(ownRows, countOf(training))];
}

function test(
  reference: readonly number[] | null,
  current: readonly number[],
  merge: (counts: readonly number[]) => number[],
): Pick<
  Comparison,
  'statistic' | 'degreesOfFreedom' | 'p' | 'psi' | 'jensenShannon' | 'scaledWasserstein' | 'kolmogorov' | 'reason'
> {
  const distances = { jensenShannon: null, scaledWasserstein: null, kolmogorov: null };
  const none = { statistic: null, degreesOfFreedom: null, p: null, psi: null, ...distances };
  if (reference === null || sum(reference) === 0) return { ...none, reason: 'no_reference' };
  if (sum(current) === 0) return { ...none, reason: 'no_rows' };
  const referenceBins = merge(reference);
  const currentBins = merge(current);
  const pooled = poolSparseBins(referenceBins, currentBins, minimumExpected);
  const { statistic, degreesOfFreedom, p } = twoSampleChiSquare(pooled.first, pooled.second);
  const psi = populationStability(referenceBins, currentBins);
  const occupied = referenceBins.filter((count, bin) => count + (currentBins[bin] as number) > 0).length;
  const reason = p !== null ? null : occupied < 2 ? 'single_bin' : 'too_few_rows';
  const jensenShannon = jensenShannonDistance(referenceBins, currentBins).value;
  return { ...distances, statistic, degreesOfFreedom, p, psi, jensenShannon, reason };
}

const ownRows = { against: 'own-training', referenceSites: undefined } as const;

/** How many sites are behind counts; undefined when all are. */
function partial(
  known: readonly string[] | undefined,
  preprocessing: Preprocessing | null,
): ColumnShift['referenceSites'] {
  return known === undefined || preprocessing === null
    ? undefined
    : { known: known.length, of: preprocessing.sites.length };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
