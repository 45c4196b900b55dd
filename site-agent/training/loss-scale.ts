/** First scale of a round, and the bounds between which it moves: powers of two, so that scaling rounds nothing. */
const first = 2 ** 15;
const most = 2 ** 24;
const least = 1;
/** Steps at one scale after which it is doubled. */
const patience = 200;

/**
 * By what the loss is multiplied in half precision (`lossScale` of the graph), from step to step: halved where a gradient goes beyond float16, doubled
 * after a long streak without (Micikevicius et al. 2018, section 3.2). The step that overflowed is taken again from where it began, so that a
 * round has all its steps whatever scale it begins with.
 */
export interface LossScale {
  readonly scale: number;
  /** Steps since it last changed. */
  readonly streak: number;
  /** How often it was halved in this round, and a step taken again. */
  readonly halved: number;
  /** Steps of this round that were computed and thrown away: all of a call in which one overflowed. */
  readonly thrown: number;
}

export const firstScale: LossScale = { scale: first, streak: 0, halved: 0, thrown: 0 };

/** That of the next step. */
export function afterStep({ scale, streak, ...counts }: LossScale): LossScale {
  return streak + 1 < patience
    ? { scale, streak: streak + 1, ...counts }
    : { scale: Math.min(most, 2 * scale), streak: 0, ...counts };
}

/**
 * That of the same step, taken again; null: there is none below.
 * @param computed steps of its call
 */
export function afterOverflow({ scale, halved, thrown }: LossScale, computed: number): LossScale | null {
  return scale <= least ? null : { scale: scale / 2, streak: 0, halved: halved + 1, thrown: thrown + computed };
}
