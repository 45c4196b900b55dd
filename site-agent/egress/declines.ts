import type { DeclineReason } from '../../shared/wire/messages.ts';

/** Everything a site says when it declines: fixed sentences, so that no value of a patient can slip into one. */
export const declineTexts: Readonly<Record<DeclineReason, string>> = {
  plan_not_approved: 'This hospital has not approved the plan.',
  data_problem: "This hospital's data does not fit the plan's contract.",
  too_few_rows: 'This hospital has too few training rows to take part.',
  training_failed: 'The task did not end with a result that can be sent.',
  engine_missing: 'No training engine could be started at this hospital.',
  busy: 'This hospital is busy with another task.',
  policy_refuses: "This hospital's policy does not allow the release to be judged.",
  stopping: "This hospital's agent is stopping.",
};

/** A code of a closed list, such as `data.wrong_unit`: it tells the operator where to look and holds nothing of a patient. */
const codePattern = /^[a-z]+\.[a-z_]+$/;

export function declineText(reason: DeclineReason, code: string | null): string {
  const text = declineTexts[reason];
  return code !== null && codePattern.test(code) ? `${text} (${code})` : text;
}
