import type { Estimate } from '../../shared/plan/judgement.ts';

/** Figure with fixed decimals for a terminal, in ASCII signs; an en dash where it is unknown. */
function figure(value: number | null, decimals = 3): string {
  return value === null ? '–' : value.toFixed(decimals);
}

/** `0.842 (0.801 to 0.883)`; an estimate without an interval says so, and one that the hospital keeps to itself. */
export function estimateText(estimate: Estimate): string {
  if (estimate.value === null) return estimate.reason === 'withheld' ? 'stays at the hospital' : '–';
  const text = figure(estimate.value);
  return estimate.low === null || estimate.high === null
    ? `${text} (no interval)`
    : `${text} (${figure(estimate.low)} to ${figure(estimate.high)})`;
}

/** `812 B`, `1.4 KiB`, `3.0 MiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** `430 ms`, `12.4 s`. */
export function durationText(durationMs: number | null): string {
  if (durationMs === null) return '–';
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}
