import type { Estimate } from '../plan/judgement.ts';

/** Figure with fixed decimals; an en dash where it is unknown. A rounded zero has no sign. */
export function figure(value: number | null | undefined, decimals = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const text = value.toFixed(decimals);
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace(/^-/, '\u2212');
}

/** `0.842 (0.801 to 0.883)`; an estimate without an interval says so, an undefined one is an en dash. */
export function estimateText(estimate: Estimate, decimals = 3): string {
  if (estimate.value === null) return '–';
  const text = figure(estimate.value, decimals);
  return estimate.low === null || estimate.high === null
    ? `${text} (no interval)`
    : `${text} (${figure(estimate.low, decimals)} to ${figure(estimate.high, decimals)})`;
}

/** p to two digits, `< 0.0001` below that, in one piece. */
export function pText(p: number | null): string {
  if (p === null) return '–';
  if (p < 0.0001) return '<\u00a00.0001';
  return p < 0.01 ? p.toFixed(4) : p.toFixed(2);
}

/** `12.3%`. */
export function percentText(share: number | null | undefined, decimals = 1): string {
  return share === null || share === undefined ? '–' : `${figure(100 * share, decimals)}%`;
}

/** Whole numbers with a thin gap every three digits: `12 345`. */
export function countText(count: number | null | undefined): string {
  if (count === null || count === undefined) return '–';
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

/** `1 event`, `12 events`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** `2025-03-01 10:15 UTC` of an ISO date-time; a date alone stays one. */
export function instantText(iso: string | null | undefined): string {
  if (iso === null || iso === undefined) return '–';
  return iso.length <= 10 ? iso : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
