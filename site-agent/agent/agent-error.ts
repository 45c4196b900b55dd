import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

/** What can go wrong in a site agent outside its data and its wire. */
export type AgentErrorCode =
  | 'agent_running'
  | 'state_locked'
  | 'state_newer'
  | 'state_corrupt'
  | 'state_unwritable'
  | 'storage_full'
  | 'unknown_plan'
  | 'unknown_task'
  | 'digest_ambiguous'
  | 'digest_malformed'
  | 'policy_looser'
  | 'policy_changed'
  | 'policy_signature'
  | 'plan_not_approved'
  | 'unknown_model'
  | 'several_models'
  | 'no_active_model'
  | 'no_previous_model'
  | 'model_damaged'
  | 'not_on_hold'
  | 'override_forbidden'
  | 'override_role'
  | 'override_same_person'
  | 'variant_signature'
  | 'package_invalid'
  | 'dry_run_only'
  | 'base_weights_missing'
  | 'object_too_large'
  | 'object_invalid'
  | 'deadline_passed'
  | 'task_withdrawn'
  | 'stopped';

export const agentErrors: ErrorCatalogue<AgentErrorCode> = {
  agent_running: { meaning: 'Another agent runs on this directory; stop it first.', advice: 'fix' },
  state_locked: { meaning: "The agent's database is locked by another program.", advice: 'retry' },
  state_newer: {
    meaning: "The agent's database was written by a newer Wardround; install that version or a later one.",
    advice: 'fix',
  },
  state_corrupt: { meaning: "The agent's database is damaged; restore it from a copy.", advice: 'fix' },
  state_unwritable: { meaning: "The agent's directory cannot be written to.", advice: 'fix' },
  storage_full: { meaning: "The agent's disk is full; nothing was lost, go on when there is room.", advice: 'retry' },
  unknown_plan: { meaning: 'No plan with this digest has reached this site.', advice: 'fix' },
  unknown_task: { meaning: 'No task with this id has ended at this site.', advice: 'fix' },
  digest_ambiguous: { meaning: 'Several plans start with these digits; give more of them.', advice: 'fix' },
  digest_malformed: { meaning: 'A digest is 64 hexadecimal digits, or at least its first 8.', advice: 'fix' },
  policy_looser: {
    meaning: "The hospital's policy is looser than the plan's; it may only be stricter.",
    advice: 'fix',
  },
  policy_changed: {
    meaning: 'The policy in force is not the one that was approved with this plan; approve the plan again.',
    advice: 'fix',
  },
  policy_signature: {
    meaning: "The approval of this plan does not carry a valid signature of this site's key; approve the plan again.",
    advice: 'fix',
  },
  plan_not_approved: { meaning: 'This plan was not approved at this site.', advice: 'fix' },
  unknown_model: { meaning: 'No release of a model of this name has reached this site.', advice: 'fix' },
  several_models: { meaning: 'This site holds several models; say which.', advice: 'fix' },
  no_active_model: { meaning: 'No release of this model is active: none was accepted yet.', advice: 'fix' },
  no_previous_model: { meaning: 'There is no previous release to go back to.', advice: 'fix' },
  model_damaged: { meaning: 'A model file on disk does not have its digest; it will not be used.', advice: 'abort' },
  not_on_hold: { meaning: 'This release is not on hold, and only a release on hold can be decided on.', advice: 'fix' },
  override_forbidden: {
    meaning: 'The policy lets nobody take a held release into use, or not against what holds this one.',
    advice: 'reject',
  },
  override_role: { meaning: 'The policy gives this role no say in an override.', advice: 'fix' },
  override_same_person: {
    meaning: 'An override needs two people in two different roles.',
    advice: 'reject',
  },
  variant_signature: {
    meaning: "A local variant does not carry a valid signature of this site's key; it will not be used.",
    advice: 'abort',
  },
  package_invalid: { meaning: 'A release failed its checks of signature, digests or lineage.', advice: 'reject' },
  dry_run_only: { meaning: 'A site trains in rounds; by hand it can only be tried, with --dry-run.', advice: 'fix' },
  base_weights_missing: {
    meaning: 'The weights that the plan’s network came with have not reached this site.',
    advice: 'fix',
  },
  object_too_large: { meaning: 'An object is larger than this agent takes.', advice: 'reject' },
  object_invalid: { meaning: 'An object of a task is not what the plan asks for.', advice: 'reject' },
  deadline_passed: { meaning: "The task's deadline passed before it was done.", advice: 'abort' },
  task_withdrawn: { meaning: 'The coordinator took the task back.', advice: 'abort' },
  stopped: { meaning: 'The agent was stopped.', advice: 'abort' },
};

export class AgentError extends WardroundError<AgentErrorCode> {
  readonly subsystem = 'agent';

  constructor(code: AgentErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    const entry = agentErrors[code];
    super(code, message ?? entry.meaning, entry.advice, details, cause);
  }
}

/** A failure to write, as `storage_full` where the disk or the quota is full; anything else as it came. */
export function asStorageError(cause: unknown, path: string): unknown {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' ? new AgentError('storage_full', undefined, { path }, cause) : cause;
}
