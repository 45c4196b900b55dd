import type { RunId, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import { judgeTask, type OpenRound, type RunState, roundTask } from '../rounds/state.ts';
import { isHold, mayAnswer } from '../rounds/transition.ts';
import { type Refusal, refusal } from './refusal.ts';

/** The run a task id names; ids of runs hold no dot. */
export function runOfTask(task: TaskId): RunId {
  return String(task).split('.', 1)[0] as RunId;
}

/** Round and attempt a task id names, null when it is no id of a round of this run. */
export function partsOfTask(
  state: RunState,
  task: TaskId,
): { readonly round: number; readonly attempt: number; readonly site: SiteName } | null {
  const match = /^[^.]+\.r(\d{1,9})\.a(\d{1,9})\.([a-z][a-z0-9-]{0,62})$/.exec(task);
  if (match === null) return null;
  const [, round, attempt, site] = match as unknown as [string, string, string, SiteName];
  const parts = { round: Number(round), attempt: Number(attempt), site };
  return roundTask(state.run, parts.round, parts.attempt, site) === task ? parts : null;
}

function attemptSoFar(state: RunState): { readonly round: number; readonly attempt: number } {
  switch (state.tag) {
    case 'round':
      return state.current;
    case 'paused':
      if (state.resume.tag === 'round') return state.resume.current;
      break;
    case 'stopped':
    case 'failed':
      if (state.unfinished !== null) return state.unfinished;
      break;
    case 'initialising':
      return { round: 0, attempt: 0 };
    case 'releasing':
    case 'judging':
    case 'finished':
      break;
  }
  return { round: state.spec.rounds, attempt: Number.MAX_SAFE_INTEGER };
}

/**
 * The open round a site's task belongs to, or why nothing is taken for it.
 * `unknown_task` for one that was never offered, `wrong_site` for another site's, `round_closed` for one that is over.
 */
export function locateTask(state: RunState, task: TaskId, sender: SiteName): OpenRound | Refusal {
  const parts = partsOfTask(state, task);
  if (parts === null) return refusal('unknown_task', `There is no task ${String(task).slice(0, 200)}.`);
  if (parts.site !== sender) {
    return refusal('wrong_site', `Task ${task} is for site ${parts.site}; the certificate is of ${sender}.`);
  }
  const { current } = state.tag === 'round' ? state : { current: null };
  if (
    current !== null &&
    (current.phase === 'open' || current.phase === 'collecting') &&
    current.round === parts.round &&
    current.attempt === parts.attempt
  ) {
    if (!current.offered.some((offer) => offer.task === task)) {
      return refusal('unknown_task', `Task ${task} was not offered.`);
    }
    if (mayAnswer(current, sender, task)) return current;
    const answer = current.answers.find(({ site }) => site === sender);
    if (answer?.kind === 'accepted') {
      return refusal('second_update', `Site ${sender} has answered round ${parts.round} already; only one counts.`);
    }
    if (answer?.kind === 'declined') return refusal('round_closed', `Site ${sender} has declined this task.`);
    if (answer?.kind === 'revoked') return refusal('round_closed', `Site ${sender} was revoked.`);
    return refusal('round_closed', `The deadline of round ${parts.round} has passed.`);
  }
  const so = attemptSoFar(state);
  const past = parts.round < so.round || (parts.round === so.round && parts.attempt <= so.attempt);
  return past
    ? refusal('round_closed', `Round ${parts.round} is closed.`)
    : refusal('unknown_task', `Task ${task} was not offered.`);
}

/** Whether this is the site's judging task, and open; else why nothing is taken for it. */
export function locateJudging(
  state: RunState,
  task: TaskId,
  sender: SiteName,
): Extract<RunState, { tag: 'judging' }> | Refusal {
  const match = /^[^.]+\.judge\.([a-z][a-z0-9-]{0,62})$/.exec(task);
  const site = match?.[1] as SiteName | undefined;
  if (site === undefined || judgeTask(state.run, site) !== task) {
    return refusal('unknown_task', `There is no task ${String(task).slice(0, 200)}.`);
  }
  if (site !== sender) {
    return refusal('wrong_site', `Task ${task} is for site ${site}; the certificate is of ${sender}.`);
  }
  if (state.tag !== 'judging') {
    return 'invitations' in state && state.invitations.some((other) => other.site === site)
      ? refusal('round_closed', 'Judging has ended.')
      : refusal('unknown_task', `Task ${task} was not offered.`);
  }
  const invitation = state.invitations.find((other) => other.site === site);
  if (invitation === undefined) return refusal('unknown_task', `Task ${task} was not offered.`);
  if (invitation.answer !== null) {
    return refusal('second_update', `Site ${site} has judged this release already; the first judgement stands.`);
  }
  return state;
}

/** Where a site may say more of a release it holds: the judging, open or over, in which it said hold; else null. */
export function locateHold(
  state: RunState,
  task: TaskId,
  sender: SiteName,
): Extract<RunState, { tag: 'judging' | 'finished' }> | null {
  if (state.tag !== 'judging' && state.tag !== 'finished') return null;
  return state.invitations.some((other) => other.task === task && isHold(other, sender)) ? state : null;
}
