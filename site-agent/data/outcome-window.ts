import type { DataContract } from '../../shared/plan/contract.ts';

const dayMs = 86_400_000;

/**
 * Tells of which predictions the outcome window is open at `nowMs` (milliseconds since the epoch): their events are known before their
 * non-events, so that none of them may train or judge. A prediction without a time (NaN or null) has none.
 */
export function openOutcomes(
  { outcomeWindowDays }: Pick<DataContract, 'outcomeWindowDays'>,
  nowMs: number,
): (timeMs: number | null) => boolean {
  const windowMs = outcomeWindowDays * dayMs;
  return (timeMs) => timeMs !== null && timeMs + windowMs > nowMs;
}
