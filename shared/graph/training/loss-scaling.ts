import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { SlotTensor } from './feeds.ts';

/** Scale of the first step of a round; powers of two, so that scaling rounds nothing. */
const first = 2 ** 15;
const most = 2 ** 24;
/** Steps without overflow after which the scale is doubled. */
const patience = 200;

/** Name of the scale among the carried tensors. */
export const scaleName = 'scaling/scale';
/** Name of the number of steps left out among the carried tensors. */
export const skippedName = 'scaling/skipped';

const carried = (name: string, initial: number): SlotTensor => ({
  name: `scaling/${name}`,
  next: `next/scaling/${name}`,
  shape: [],
  initial,
});

/**
 * What dynamic loss scaling carries from step to step: `scaling/scale`, by which the loss is multiplied before its gradients are taken in float16 and
 * they are divided after, so that small ones do not vanish (Micikevicius et al. 2018, section 3.2); `scaling/streak`, steps since the scale last
 * changed; `scaling/skipped`, steps of the round that were left out because a gradient was not finite. Schedules and Adam's corrections count a step
 * left out like any other.
 */
export const scalingSlots: readonly SlotTensor[] = [
  carried('scale', first),
  carried('streak', 0),
  carried('skipped', 0),
];

/** Scalar bool: every element of every value is a finite number. */
export function allFinite(b: GraphBuilder, values: readonly Value[]): Value {
  const zero = b.scalar(0);
  // An infinite number or NaN times zero is NaN, which is equal to nothing.
  const parts = values.map((value) => b.sum(b.mul(value, zero)));
  return b.op('Equal', [parts.length === 0 ? zero : parts.reduce(b.add), zero]);
}

/**
 * Adds the scale's own update: halved, at least 1, where a gradient was not finite; doubled after a long streak without. Its inputs and outputs are
 * the `scalingSlots`.
 */
export function addScaleUpdate(b: GraphBuilder, finite: Value, scale: Value): void {
  const [, streakSlot, skippedSlot] = scalingSlots as [SlotTensor, SlotTensor, SlotTensor];
  const streak = b.add(b.input(streakSlot.name, 'float', []), b.scalar(1));
  const long = b.op('GreaterOrEqual', [streak, b.scalar(patience)]);
  const grown = b.op('Min', [b.mul(scale, b.scalar(2)), b.scalar(most)]);
  const shrunk = b.op('Max', [b.mul(scale, b.scalar(0.5)), b.scalar(1)]);
  const choose = (condition: Value, yes: Value, no: Value): Value => b.op('Where', [condition, yes, no]);
  b.output('next/scaling/scale', choose(finite, choose(long, grown, scale), shrunk));
  b.output('next/scaling/streak', choose(finite, choose(long, b.scalar(0), streak), b.scalar(0)));
  const skipped = b.input(skippedSlot.name, 'float', []);
  b.output('next/scaling/skipped', choose(finite, skipped, b.add(skipped, b.scalar(1))));
}
