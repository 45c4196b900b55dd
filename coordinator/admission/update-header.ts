import { z } from 'zod';
import { digestPattern, type SiteName } from '../../shared/runtime/ids.ts';
import type { UpdateHeader } from '../../shared/wire/messages.ts';
import type { OpenRound, RunState } from '../rounds/state.ts';
import { locateTask } from './locate-task.ts';
import { type Refusal, refusal } from './refusal.ts';

const digest = z.string().regex(digestPattern);

const headerSchema = z.strictObject({
  task: z.string().max(300),
  run: z.string().max(100),
  round: z.int().min(0),
  plan: digest,
  base: digest,
  delta: z.strictObject({ digest, bytes: z.int().min(8) }),
  examples: z.number(),
  weight: z.number(),
  metrics: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/), z.number())
    .refine((metrics) => Object.keys(metrics).length <= 64, 'at most 64 metrics'),
});

/** Types, bounds and finiteness of a header's fields; null when they hold. */
export function headerShape(header: UpdateHeader): Refusal | null {
  const result = headerSchema.safeParse(header);
  if (result.success) return null;
  const [issue] = result.error.issues;
  return refusal('malformed', `The update's header: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}.`);
}

/**
 * Every check of an update that needs no look into the delta: sender, run, round, plan, base, weight.
 * @param declaredRows rows the site's summary named; null when not known
 */
export function admitHeader(
  state: RunState,
  sender: SiteName,
  header: UpdateHeader,
  rules: { readonly weightCap: number; readonly declaredRows: number | null },
): OpenRound | Refusal {
  const { task, run, round, plan, base, examples, weight } = header;
  const located = locateTask(state, task, sender);
  // What does not belong to its own task is said to be so, whether or not the round is still open.
  if (!('phase' in located) && located.code !== 'round_closed') return located;
  if (run !== state.run) return refusal('wrong_run', `The update names run ${run}, its task is of ${state.run}.`);
  const parts = /\.r(\d+)\./.exec(task);
  if (round !== Number(parts?.[1])) {
    return refusal('wrong_round', `The update names round ${round}, its task is of round ${parts?.[1] ?? '?'}.`);
  }
  if (plan !== state.plan) return refusal('wrong_plan', `The update names plan ${plan}, the run's is ${state.plan}.`);
  if (!('phase' in located)) return located;
  if (located.round === 0) return refusal('wrong_round', 'Round 0 takes a summary, not an update.');
  if (base !== state.weights?.digest) {
    return refusal(
      'wrong_base',
      `The update is relative to ${base}, the round's weights are ${state.weights?.digest}.`,
    );
  }
  if (!Number.isSafeInteger(examples) || examples < 1) {
    return refusal('weight_out_of_bounds', `examples must be a positive whole number, not ${examples}.`);
  }
  if (rules.declaredRows !== null && examples > rules.declaredRows) {
    return refusal(
      'weight_out_of_bounds',
      `examples is ${examples}, more than the ${rules.declaredRows} training rows in the site's summary.`,
    );
  }
  const due = Math.min(examples, rules.weightCap);
  if (weight !== due) {
    return refusal(
      'weight_out_of_bounds',
      `weight must be ${due}, the smaller of ${examples} examples and the cap ${rules.weightCap}; it is ${weight}.`,
    );
  }
  return located;
}
