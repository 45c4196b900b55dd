import type { ContractColumn } from '../../shared/plan/contract.ts';
import type { ColumnShift, ShiftKind } from '../../shared/plan/judgement.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import type { ColumnReference, Preprocessing } from '../../shared/plan/preprocessing.ts';
import { countBins } from '../../shared/statistics/binning.ts';
import { benjaminiHochberg } from '../../shared/statistics/multiplicity.ts';
import { poolSparseBins, populationStability, twoSampleChiSquare } from '../../shared/statistics/shift.ts';
import type { SiteTable } from '../data/site-table.ts';
import { type CodingChange, codingChange, unitAgainstCounts } from './coding-change.ts';
import { referenceName } from './reference-name.ts';

/** Cochran's bound: below it the chi-square distribution does not hold, and bins are pooled. */
const minimumExpected = 5;

/** So many values outside the plan's range that another unit brings back are no slip of the pen. */
const fewestOutOfRange = 10;

/** One comparison before p values are adjusted. */
interface Comparison {
  readonly column: string;
  readonly against: ColumnShift['against'];
  readonly referenceSites: ColumnShift['referenceSites'];
  readonly isLabel: boolean;
  readonly reference: readonly number[];
  readonly current: readonly number[];
  readonly statistic: number | null;
  readonly degreesOfFreedom: number | null;
  readonly p: number | null;
  readonly psi: number | null;
  readonly missingRate: number | null;
  readonly referenceMissingRate: number | null;
  readonly reason: string | null;
  /** Asked for only when something is found. */
  readonly look: () => { readonly kind: ShiftKind; readonly explanation: string };
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
}

/**
 * Compares every column, and the label, of the judged rows with the consortium's reference counts and with this site's own training
 * rows: two-sample chi-square (sparse bins pooled) and PSI over the plan's bins, missing values as a bin of their own. The p values
 * are adjusted together, over the whole report (Benjamini-Hochberg).
 *
 * A column is found when its adjusted p is within the policy's rate and its PSI reaches the policy's bound, or when it looks like a
 * change of coding; the label's row when its adjusted p is within the rate.
 */
export function shiftReport(input: ShiftInput): ColumnShift[] {
  const comparisons = [
    ...input.plan.data.columns.flatMap((column, index) => compareColumn(input, column, index)),
    ...compareLabel(input),
  ];
  const adjusted = benjaminiHochberg(comparisons.map(({ p }) => p));
  const { falseDiscoveryRate, psi: psiBound } = input.policy.shift;
  return comparisons.map((comparison, index): ColumnShift => {
    const adjustedP = adjusted[index] ?? null;
    const significant = adjustedP !== null && adjustedP <= falseDiscoveryRate;
    const large = comparison.psi !== null && comparison.psi >= psiBound;
    const coding = comparison.change !== null && (significant || comparison.certain);
    const found = coding || (significant && (large || comparison.isLabel));
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
      jensenShannon: null,
      scaledWasserstein: null,
      kolmogorov: null,
      missingRate: comparison.missingRate,
      referenceMissingRate: comparison.referenceMissingRate,
      found,
      large: found,
      kind: look?.kind ?? null,
      // Names of levels have no bound in the contract; sentences on the wire have.
      explanation: look?.explanation.slice(0, 900) ?? null,
      ...(comparison.reason === null ? {} : { reason: comparison.reason }),
    };
  });
}

function compareColumn(input: ShiftInput, column: ContractColumn, index: number): Comparison[] {
  const { table, judged, training, preprocessing } = input;
  const source = table.columns[index];
  if (source === undefined || source.name !== column.name) {
    throw new RangeError(
      `shiftReport: column ${index} of the table is ${source?.name ?? 'absent'}, not ${column.name}`,
    );
  }
  const valuesOf = (rows: Uint32Array): Float64Array => Float64Array.from(rows, (row) => source.values[row] as number);
  const now = valuesOf(judged);
  const before = valuesOf(training);
  const current = countBins(now, column);
  const own = countBins(before, column);
  const known = (values: Float64Array): Float64Array => values.filter((value) => !Number.isNaN(value));
  const outOfRange = input.outOfRange?.get(column.name) ?? [];
  const change =
    column.kind === 'continuous'
      ? codingChange(column, known(before), known(now), outOfRange, input.plan.federation.minimumCount)
      : null;

  const reference = preprocessing?.columns[index];
  const merge = mergerOf(reference);
  const consortiumUnit =
    column.kind === 'continuous' && reference !== undefined && change === null
      ? unitAgainstCounts(column, reference.referenceCounts, now, merge)
      : null;
  const missingGroup = reference?.referenceGroups?.some((group) => group.includes(current.length - 1)) ?? false;
  const rateOf = (counts: readonly number[]): number | null => {
    const total = sum(counts);
    return total === 0 ? null : (counts[counts.length - 1] as number) / total;
  };
  const common = { column: column.name, isLabel: false, missingRate: rateOf(current) };
  const consortium = {
    against: 'consortium',
    referenceSites: partial(reference?.referenceSites, preprocessing),
  } as const;
  return [
    {
      ...common,
      ...test(reference?.referenceCounts ?? null, current, merge),
      ...consortium,
      referenceMissingRate: reference === undefined || missingGroup ? null : rateOf(reference.referenceCounts),
      look: () => lookOf(column, referenceName(consortium), reference?.referenceCounts ?? [], current, merge),
      change: consortiumUnit,
      certain: false,
    },
    {
      ...common,
      ...test(own, current, (counts) => [...counts]),
      ...ownRows,
      referenceMissingRate: rateOf(own),
      look: () => lookOf(column, referenceName(ownRows), own, current, (counts) => [...counts]),
      change,
      certain: change?.kind === 'unit' && outOfRange.length >= fewestOutOfRange,
    },
  ];
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
): Pick<Comparison, 'reference' | 'current' | 'statistic' | 'degreesOfFreedom' | 'p' | 'psi' | 'reason'> {
  const none = { reference: [], current, statistic: null, degreesOfFreedom: null, p: null, psi: null };
  if (reference === null || sum(reference) === 0) return { ...none, reason: 'no_reference' };
  if (sum(current) === 0) return { ...none, reason: 'no_rows' };
  const referenceBins = merge(reference);
  const currentBins = merge(current);
  const pooled = poolSparseBins(referenceBins, currentBins, minimumExpected);
  const { statistic, degreesOfFreedom, p } = twoSampleChiSquare(pooled.first, pooled.second);
  const psi = populationStability(referenceBins, currentBins);
  const occupied = referenceBins.filter((count, bin) => count + (currentBins[bin] as number) > 0).length;
  const reason = p !== null ? null : occupied < 2 ? 'single_bin' : 'too_few_rows';
  return { reference: referenceBins, current: currentBins, statistic, degreesOfFreedom, p, psi, reason };
}

/** Puts each group of withheld bins into one, as the reference has them. */
function mergerOf(reference: ColumnReference | undefined): (counts: readonly number[]) => number[] {
  const groups = reference?.referenceGroups ?? [];
  const into = new Map<number, number>();
  for (const group of groups) for (const bin of group) into.set(bin, Math.min(...group));
  return (counts) => {
    const merged = [...counts];
    for (const [bin, first] of into) {
      if (bin === first) continue;
      merged[first] = (merged[first] as number) + (merged[bin] as number);
    }
    return merged.filter((_, bin) => (into.get(bin) ?? bin) === bin);
  };
}

function lookOf(
  column: ContractColumn,
  there: string,
  reference: readonly number[],
  current: readonly number[],
  merge: (counts: readonly number[]) => number[],
): { readonly kind: ShiftKind; readonly explanation: string } {
  const name = column.name;
  const missingBin = current.length - 1;
  const shares = (counts: readonly number[]): number[] => counts.map((count) => count / sum(counts));
  const merged = merge(current);
  const whole = merged.length === current.length;
  const p = shares(reference);
  const q = shares(current);
  const difference = q.map((share, bin) => share - (p[bin] as number));
  const moved = difference.reduce((total, part) => total + Math.abs(part), 0) / 2;
  if (whole && Math.abs(difference[missingBin] as number) >= moved / 2) {
    const more = (difference[missingBin] as number) > 0;
    return {
      kind: 'missingness',
      explanation: `${name} is missing ${more ? 'more' : 'less'} often than in ${there}; that is most of the change.`,
    };
  }
  if (whole && column.kind === 'categorical') {
    const unseen = column.levels.filter((_, level) => reference[level] === 0 && (current[level] as number) > 0);
    const unseenShare = unseen.reduce((total, level) => total + (q[column.levels.indexOf(level)] as number), 0);
    if (unseenShare >= moved / 2) {
      return {
        kind: 'levels',
        explanation: `${name} has levels that do not occur in ${there}: ${unseen.slice(0, 5).join(', ')}.`,
      };
    }
  }
  return {
    kind: 'distribution',
    explanation: `${name} is distributed otherwise than in ${there}${direction(column, difference, whole)}.`,
  };
}

function direction(column: ContractColumn, difference: readonly number[], whole: boolean): string {
  if (!whole) return '';
  const bins = difference.slice(0, -1);
  const grown = bins.indexOf(Math.max(...bins));
  const shrunk = bins.indexOf(Math.min(...bins));
  if (grown === shrunk) return '';
  const words = (bin: number): string => {
    if (column.kind === 'categorical') return column.levels[bin] ?? '';
    const { edges, unit } = column;
    if (bin === 0) return `below ${edges[0]} ${unit}`;
    if (bin === edges.length) return `from ${edges[bin - 1]} ${unit}`;
    return `${edges[bin - 1]} to ${edges[bin]} ${unit}`;
  };
  return `: more often ${words(grown)}, less often ${words(shrunk)}`;
}

function prevalenceSentence(
  name: string,
  there: string,
  reference: readonly number[],
  current: readonly number[],
): string {
  if (current.length !== 2) return `The classes of ${name} are not as frequent as in ${there}.`;
  const share = (counts: readonly number[]): number => (counts[1] as number) / sum(counts);
  const [now, then] = [share(current), share(reference)];
  return `The outcome ${name} is ${now > then ? 'more' : 'less'} frequent than in ${there}: prevalence ${percent(now)} against ${percent(then)}.`;
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

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
