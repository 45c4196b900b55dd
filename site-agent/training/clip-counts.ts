/**
 * Rows of the steps of a round, each as often as a step took it, and of them those whose own gradient was longer than `training.perExampleClip`.
 * Whole numbers, so that they are the same in any cut and after an interruption. A step that half precision took
 * again counts once, as it was taken in the end.
 */
export interface ClipCounts {
  readonly rows: number;
  readonly clipped: number;
}

export const noRows: ClipCounts = { rows: 0, clipped: 0 };

/** With one more step. */
export function addedStep(counts: ClipCounts, rows: number, clipped: number): ClipCounts {
  return { rows: counts.rows + rows, clipped: counts.clipped + clipped };
}
