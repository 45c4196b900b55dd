import { setImmediate as nextTurn } from 'node:timers/promises';
import { lossScale } from '../../shared/graph/training/loss-scaling.ts';
import type { StepCall } from './call-schedule.ts';
import type { EngineStep, OpenedTask, StepOutcome } from './engine.ts';
import { notFiniteLoss } from './loss-record.ts';
import { afterOverflow, afterStep, type LossScale } from './loss-scale.ts';
import type { RowsAtOnce } from './rows-at-once.ts';
import { TrainingError } from './training-error.ts';

interface CallNeeds {
  readonly opened: OpenedTask;
  readonly stepsOf: (first: number, count: number) => EngineStep[];
  readonly rowsAtOnce: RowsAtOnce;
}

/**
 * The steps of one call: together, or one by one where a batch is cut. Where a gradient goes beyond float16 all of them are taken again from where
 * they began, on the same rows with the same random values: those before it at the scales they had, that one at half of its own.
 *
 * @param scale of the first step; null in float32
 * @returns what every step told, and the scale of the step after them
 * @throws TrainingError `gradient_overflow`, `not_finite_loss`
 */
export async function runCall(
  { opened, stepsOf, rowsAtOnce }: CallNeeds,
  call: StepCall,
  scale: LossScale | null,
  signal: AbortSignal,
): Promise<{ readonly outcomes: readonly StepOutcome[]; readonly scale: LossScale | null }> {
  const outcomes: StepOutcome[] = [];
  // Once for all tries: random values of a wide layer take as long to draw as a GPU takes for the step.
  const asked = stepsOf(call.first, call.steps);
  const [{ rows }] = asked as [EngineStep];
  let next = scale;
  /** Of the steps that are being taken. */
  let scales: readonly LossScale[] = [];
  while (outcomes.length < call.steps) {
    const first = call.first + outcomes.length;
    let count = 0;
    const told = await rowsAtOnce.during((partRows) => {
      count = partRows < rows.length ? 1 : call.steps - outcomes.length;
      const steps = asked.slice(outcomes.length, outcomes.length + count);
      if (next === null) return opened.run(steps, partRows, signal);
      scales = scalesOf(scales, next, count);
      return opened.run(scaledSteps(steps, scales), partRows, signal);
    }, rows.length);
    if (next !== null) {
      const wrong = told.findIndex(({ loss }) => !Number.isFinite(loss));
      // What overflows before the loss is taken does so at any scale.
      if (wrong !== -1) throw notFiniteLoss(first + wrong, (told[wrong] as StepOutcome).loss, true);
      const last = told.length - 1;
      const of = scales[last] as LossScale;
      if (told[last]?.overflowed === true) {
        scales = [...scales.slice(0, last), halvedScale(of, first + last, count)];
        await nextTurn();
        signal.throwIfAborted();
        continue;
      }
      next = afterStep(of);
      scales = [];
    }
    outcomes.push(...told);
  }
  return { outcomes, scale: next };
}

/**
 * @param computed steps of the call
 * @throws TrainingError `gradient_overflow`
 */
function halvedScale(scale: LossScale, step: number, computed: number): LossScale {
  const halved = afterOverflow(scale, computed);
  if (halved !== null) return halved;
  throw new TrainingError(
    'gradient_overflow',
    `step ${step + 1}: a gradient is not finite in float16, whose numbers end at 65,504, even where the loss is multiplied by ${scale.scale} only; the plan needs training.precision float32, or a look at extreme values with \`site check\` may mend it`,
    { step: step + 1 },
  );
}

/** Of so many steps: those that are known, or that of the first, and those that follow from it where no step overflows. */
function scalesOf(known: readonly LossScale[], first: LossScale, count: number): LossScale[] {
  const scales = known.slice(0, count);
  while (scales.length < count) {
    const before = scales.at(-1);
    scales.push(before === undefined ? first : afterStep(before));
  }
  return scales;
}

const scaledSteps = (steps: readonly EngineStep[], scales: readonly LossScale[]): EngineStep[] =>
  steps.map((step, index) => ({
    ...step,
    scalars: { ...step.scalars, [lossScale.name]: (scales[index] as LossScale).scale },
  }));
