import type { TrainingSpec } from '../../plan/training.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Parameter } from '../network.ts';
import { clippedByGlobalNorm } from './clipping.ts';
import type { CarriedTensor, FedTensor, NamedFeed, SlotTensor } from './feeds.ts';
import { outputOverflow } from './loss-scaling.ts';
import { optimiserSlots, optimiserUpdate, stepScalars } from './optimiser-update.ts';

/** A tensor that moves, with its gradient. */
export interface MovingTensor {
  readonly parameter: Parameter;
  readonly value: Value;
  readonly gradient: Value;
}

/** What the update takes and carries beside the weights. */
export interface UpdateTensors {
  readonly slots: readonly SlotTensor[];
  /** `control/NAME`; empty without control variates. */
  readonly control: readonly NamedFeed[];
  /** Those of `stepScalars`. */
  readonly scalars: readonly FedTensor[];
}

export const carried = (name: string, shape: readonly number[]): CarriedTensor => ({
  name,
  next: `next/${name}`,
  shape,
});

/**
 * Adds the update to a graph and makes the next value of every moving tensor and slot an output. In this order: the gradients together are clipped to
 * `clipNorm`; the control variates are added (c - c_i of SCAFFOLD, Karimireddy et al. 2020, equation 3: they correct the direction and are not
 * part of what a row may add to it, so they are not clipped); the optimiser takes its step.
 * In mixed precision `overflow` is an output too, see `overflowName`, of the gradients as they came.
 * New inputs: the slots as `SLOT/NAME`, the scalars of `stepScalars` and, where asked for, `control/NAME`.
 */
export function addUpdate(
  b: GraphBuilder,
  training: TrainingSpec,
  moving: readonly MovingTensor[],
  options: { readonly control?: boolean | undefined; readonly precision?: 'float32' | 'mixed' | undefined },
): UpdateTensors {
  const kept = optimiserSlots(training.optimiser);
  const scalars = Object.fromEntries(
    Object.keys(stepScalars(training, { step: 1, round: 0 })).map((name) => [name, b.input(name, 'float', [])]),
  );
  const raw = moving.map(({ gradient }) => gradient);
  const clipped = training.clipNorm === undefined ? raw : clippedByGlobalNorm(b, raw, training.clipNorm);
  if (options.precision === 'mixed') outputOverflow(b, raw);
  const slots: SlotTensor[] = [];
  const control: NamedFeed[] = [];
  for (const [index, { parameter, value }] of moving.entries()) {
    const { name, shape, role } = parameter;
    let gradient = clipped[index] as Value;
    if (options.control === true) {
      control.push({ name: `control/${name}`, weight: name, shape });
      gradient = b.add(gradient, b.input(`control/${name}`, 'float', shape));
    }
    const own: Record<string, Value> = {};
    for (const slot of kept) {
      const tensor = { ...carried(`${slot.name}/${name}`, shape), initial: slot.initial };
      slots.push(tensor);
      own[slot.name] = b.input(tensor.name, 'float', shape);
    }
    const next = optimiserUpdate(b, training.optimiser, {
      weight: value,
      gradient,
      slots: own,
      scalars,
      decayed: role === 'weight',
    });
    b.output(`next/${name}`, next.weight);
    for (const slot of kept) b.output(`next/${slot.name}/${name}`, next.slots[slot.name] as Value);
  }
  return { slots, control, scalars: Object.keys(scalars).map((name) => ({ name, shape: [] })) };
}
