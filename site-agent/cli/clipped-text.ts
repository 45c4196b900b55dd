import type { ClipCounts } from '../training/clip-counts.ts';

/** The share of rows whose gradient was longer than the plan's bound: `12.5%`. */
export const clippedText = ({ rows, clipped }: ClipCounts): string =>
  `${Number(((100 * clipped) / rows).toPrecision(3))}%`;
