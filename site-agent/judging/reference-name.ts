import type { ColumnShift } from '../../shared/plan/judgement.ts';

/** What judged rows are compared with, in words that follow "in" or "than in"; says so when not every hospital's counts are in it. */
export function referenceName({
  against,
  referenceSites,
}: {
  readonly against: ColumnShift['against'];
  readonly referenceSites?: ColumnShift['referenceSites'] | undefined;
}): string {
  if (against === 'own-training') return "this hospital's earlier rows";
  if (referenceSites === undefined) return 'the consortium';
  return `the ${referenceSites.known} of the consortium's ${referenceSites.of} hospitals that could share these counts`;
}
