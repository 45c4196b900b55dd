import type { SiteName } from '../../shared/runtime/ids.ts';
import { exclusionText, namedList } from '../../shared/wire/exclusion-text.ts';
import type { Exclusion } from '../../shared/wire/operator-port.ts';
import { type Effect, effectKey, outstanding } from './effects.ts';
import type { RunEvent } from './events.ts';
import {
  type Answer,
  declineText,
  type FailedAttempt,
  type Invitation,
  isLive,
  judgeTask,
  type LiveRunState,
  type OpenRound,
  type PausedAt,
  type PlannedRound,
  type RunState,
} from './state.ts';

type Of<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>;
type Tagged<Tag extends RunState['tag']> = Extract<RunState, { tag: Tag }>;

/** Longest wait between two tries of a round. */
const longestRetryDelayMs = 5 * 60_000;

function bySite(left: { readonly site: SiteName }, right: { readonly site: SiteName }): number {
  return left.site < right.site ? -1 : left.site > right.site ? 1 : 0;
}

function planned(round: number, timeMs: number): PlannedRound {
  return { phase: 'planned', round, attempt: 1, failures: 0, startedMs: null, notBeforeMs: timeMs, lastFailure: null };
}

function exclusionOf(site: SiteName, answer: Answer | undefined, current: OpenRound): Exclusion | null {
  switch (answer?.kind) {
    case 'accepted':
      return null;
    case 'refused':
      return { site, reason: 'refused', detail: `${answer.code}: ${answer.reason}` };
    case 'declined':
      return { site, reason: 'declined', detail: declineText(answer) };
    case 'revoked':
      return { site, reason: 'revoked', detail: null };
    case undefined:
      return current.grace?.sites.includes(site) === true
        ? { site, reason: 'late', detail: 'The upload had begun, and did not end within the grace time.' }
        : { site, reason: 'no_answer', detail: null };
  }
}

/** Every site that is not in the round, with its reason: those that were not asked, and those asked without a valid answer. */
function exclusions(current: OpenRound): Exclusion[] {
  const answers = new Map(current.answers.map((answer) => [answer.site, answer]));
  const asked = current.offered.flatMap(({ site }) => exclusionOf(site, answers.get(site), current) ?? []);
  return [...current.absent, ...asked].sort(bySite);
}

/** For the reason a run stands still; the round's view has every site with every word. */
function namesOf(excluded: readonly Exclusion[]): string {
  return namedList(excluded.map((one) => exclusionText(one, 300)));
}

function pauseReason(state: Tagged<'round'>, failure: FailedAttempt, tries: number): string {
  const { round } = state.current;
  return (
    `${round === 0 ? 'The summaries' : `Round ${round}`}: ${failure.received.length} of at least ${state.spec.minimumSites} ` +
    `sites answered in time, in ${tries} ${tries === 1 ? 'try' : 'tries'}. Left out: ${namesOf(failure.excluded)}. ` +
    `Resume the run when the cause is gone.`
  );
}

/** Ends the collection: folds what came, or, below the minimum, plans another try or pauses. */
function close(state: Tagged<'round'>, current: OpenRound, timeMs: number): RunState {
  const updates = current.answers.flatMap((answer) => {
    if (answer.kind !== 'accepted') return [];
    const { kind: _, ...update } = answer;
    return [update];
  });
  const excluded = exclusions(current);
  const offered = current.offered.map(({ site }) => site);
  const { round, attempt, startedMs } = current;
  if (updates.length >= state.spec.minimumSites) {
    return {
      ...state,
      current: {
        phase: 'folding',
        round,
        attempt,
        failures: current.failures,
        startedMs,
        closedMs: timeMs,
        offered,
        updates,
        excluded,
      },
    };
  }
  const failures = current.failures + 1;
  const lastFailure = { attempt, offered, received: updates.map(({ site }) => site), excluded };
  const next: PlannedRound = {
    phase: 'planned',
    round,
    attempt: attempt + 1,
    failures,
    startedMs,
    notBeforeMs: timeMs + Math.min(longestRetryDelayMs, state.spec.retryDelayMs * 2 ** Math.min(30, failures - 1)),
    lastFailure,
  };
  if (failures <= state.spec.retries) return { ...state, current: next };
  const { current: _, ...base } = state;
  return {
    ...base,
    tag: 'paused',
    reason: pauseReason(state, lastFailure, failures),
    resume: { tag: 'round', current: { ...next, failures: 0 } },
  };
}

/** Closes the round as soon as nobody is left to wait for. */
function withAnswer(state: Tagged<'round'>, current: OpenRound, answer: Answer, timeMs: number): RunState {
  const answers = [...current.answers.filter(({ site }) => site !== answer.site), answer].sort(bySite);
  const next: OpenRound = { ...current, phase: 'collecting', answers };
  return settled({ ...state, current: next }, next, timeMs);
}

function settled(state: Tagged<'round'>, current: OpenRound, timeMs: number): RunState {
  const answered = new Set(current.answers.map(({ site }) => site));
  const awaited = (current.grace?.sites ?? current.offered.map(({ site }) => site)).filter(
    (site) => !answered.has(site),
  );
  return awaited.length === 0 ? close(state, current, timeMs) : state;
}

/** The open round an event of this round and attempt falls into; null when it comes too late. */
function openRound(state: RunState, event: { readonly round: number; readonly attempt: number }): OpenRound | null {
  if (state.tag !== 'round') return null;
  const { current } = state;
  if (current.phase !== 'open' && current.phase !== 'collecting') return null;
  return current.round === event.round && current.attempt === event.attempt ? current : null;
}

/** Whether this site may still answer: it was offered this task, has no final answer, and in grace had begun in time. */
export function mayAnswer(current: OpenRound, site: SiteName, task: string): boolean {
  if (!current.offered.some((offer) => offer.site === site && offer.task === task)) return false;
  if (current.grace !== null && !current.grace.sites.includes(site)) return false;
  const answer = current.answers.find((other) => other.site === site);
  return answer === undefined || answer.kind === 'refused';
}

/** A site of which nothing had come when its round closed turns out to have been late. Never once the release is being made. */
function late(state: Tagged<'round'>, event: Of<'answer-refused'>): RunState {
  if (event.code !== 'round_closed') return state;
  const detail = 'The update came after the round had closed.';
  const marked = <Round extends { round: number; attempt: number; excluded: readonly Exclusion[] }>(
    round: Round,
  ): Round =>
    round.round === event.round && round.attempt === event.attempt
      ? {
          ...round,
          excluded: round.excluded.map((other) =>
            other.site === event.site && other.reason === 'no_answer'
              ? { site: other.site, reason: 'late', detail }
              : other,
          ),
        }
      : round;
  const waits = (round: { round: number; attempt: number; excluded: readonly Exclusion[] }): boolean =>
    round.round === event.round &&
    round.attempt === event.attempt &&
    round.excluded.some(({ site, reason }) => site === event.site && reason === 'no_answer');
  const { current } = state;
  if (current.phase === 'folding' && waits(current)) return { ...state, current: marked(current) };
  return state.rounds.some(waits) ? { ...state, rounds: state.rounds.map(marked) } : state;
}

function answered(state: RunState, event: Of<'answer-accepted'> | Of<'answer-refused'>): RunState {
  const current = openRound(state, event);
  const { site, task } = event.kind === 'answer-accepted' ? event.answer : event;
  if (state.tag !== 'round') return state;
  if (current === null) return event.kind === 'answer-refused' ? late(state, event) : state;
  if (!mayAnswer(current, site, task)) return state;
  const answer: Answer =
    event.kind === 'answer-accepted'
      ? { kind: 'accepted', ...event.answer }
      : { kind: 'refused', site, code: event.code, reason: event.reason };
  return withAnswer(state, current, answer, event.timeMs);
}

function declined(state: RunState, event: Of<'task-declined'>): RunState {
  const { site, task, reason, text, timeMs } = event;
  if (state.tag === 'judging') {
    const asked = state.invitations.some(
      (other) => other.task === task && other.site === site && other.answer === null,
    );
    return asked ? judged(state, site, { kind: 'declined', reason, text }, timeMs) : state;
  }
  if (state.tag !== 'round') return state;
  const { current } = state;
  if (current.phase !== 'open' && current.phase !== 'collecting') return state;
  if (!mayAnswer(current, site, task)) return state;
  return withAnswer(state, current, { kind: 'declined', site, reason, text }, timeMs);
}

function judged(
  state: Tagged<'judging'>,
  site: SiteName,
  answer: Tagged<'judging'>['invitations'][number]['answer'],
  timeMs: number,
): RunState {
  const invitations = state.invitations.map((other) => (other.site === site ? { ...other, answer } : other));
  return judgingSettled({ ...state, invitations }, timeMs);
}

/** Whether this site's last word on the release is that it waits. */
export function isHold({ site, answer }: Invitation, of: SiteName): boolean {
  return site === of && answer?.kind === 'decided' && answer.decision === 'hold';
}

function judgingSettled(state: Tagged<'judging'>, timeMs: number): RunState {
  return state.invitations.some(({ answer }) => answer === null) ? state : finished(state, timeMs);
}

function finished(state: Tagged<'judging'>, timeMs: number): RunState {
  const { deadlineMs: _, ...rest } = state;
  return { ...rest, tag: 'finished', endedMs: timeMs };
}

function revoked(state: RunState, event: Of<'site-revoked'>): RunState {
  const { site, timeMs } = event;
  if (state.tag === 'judging') {
    const asked = state.invitations.some((other) => other.site === site && other.answer === null);
    return asked ? judged(state, site, { kind: 'revoked' }, timeMs) : state;
  }
  if (state.tag !== 'round') return state;
  const { current } = state;
  if (current.phase !== 'open' && current.phase !== 'collecting') return state;
  if (!current.offered.some((offer) => offer.site === site)) return state;
  if (current.answers.some((answer) => answer.site === site && answer.kind === 'revoked')) return state;
  // What a site sent in this very round is dropped with it: a key that is no longer trusted may have signed for it.
  return withAnswer(state, current, { kind: 'revoked', site }, timeMs);
}

function opened(state: RunState, event: Of<'round-opened'>): RunState {
  if (state.tag !== 'round' || state.current.phase !== 'planned') return state;
  const { current, spec } = state;
  if (current.round !== event.round || current.attempt !== event.attempt) return state;
  return {
    ...state,
    current: {
      phase: 'open',
      round: current.round,
      attempt: current.attempt,
      failures: current.failures,
      startedMs: current.startedMs ?? event.timeMs,
      openedMs: event.timeMs,
      deadlineMs: event.timeMs + spec.roundDeadlineMs,
      offered: [...event.offered].sort(bySite),
      absent: [...event.absent].sort(bySite),
      answers: [],
      grace: null,
    },
  };
}

function deadlinePassed(state: RunState, event: Of<'deadline-passed'>): RunState {
  const current = openRound(state, event);
  if (state.tag !== 'round' || current === null || current.grace !== null || event.timeMs < current.deadlineMs) {
    return state;
  }
  const sites = event.uploading.filter(
    (site) =>
      current.offered.some((offer) => offer.site === site) && !current.answers.some((answer) => answer.site === site),
  );
  if (sites.length === 0 || state.spec.graceMs === 0) return close(state, current, event.timeMs);
  const grace = { sites, untilMs: current.deadlineMs + state.spec.graceMs };
  return settled({ ...state, current: { ...current, grace } }, { ...current, grace }, event.timeMs);
}

function gracePassed(state: RunState, event: Of<'grace-passed'>): RunState {
  const current = openRound(state, event);
  if (state.tag !== 'round' || current === null || current.grace === null || event.timeMs < current.grace.untilMs) {
    return state;
  }
  return close(state, current, event.timeMs);
}

function folded(state: RunState, event: Of<'round-folded'>): RunState {
  if (state.tag !== 'round' || state.current.phase !== 'folding') return state;
  const { current } = state;
  if (current.round !== event.round || current.attempt !== event.attempt) return state;
  const record = {
    round: current.round,
    attempt: current.attempt,
    startedMs: current.startedMs,
    closedMs: current.closedMs,
    publishedMs: event.timeMs,
    offered: current.offered,
    updates: current.updates,
    excluded: current.excluded,
    base: current.round === 0 ? null : (state.weights?.digest ?? null),
    object: event.object,
  };
  const { current: _, ...base } = state;
  const next = {
    ...base,
    rounds: [...state.rounds, record],
    ...(current.round === 0 ? { preprocessing: event.object } : { weights: event.object }),
  };
  return current.round === state.spec.rounds
    ? { ...next, tag: 'releasing', release: null }
    : { ...next, tag: 'round', current: planned(current.round + 1, event.timeMs) };
}

function released(state: RunState, event: Of<'released'>): RunState {
  if (state.tag !== 'releasing' || state.release === null) return state;
  const { run, spec } = state;
  return judgingSettled(
    {
      ...state,
      tag: 'judging',
      release: { ...state.release, digest: event.digest, manifest: event.manifest },
      deadlineMs: event.timeMs + spec.judgementDeadlineMs,
      invitations: event.invited.map((site) => ({ site, task: judgeTask(run, site), answer: null })).sort(bySite),
    },
    event.timeMs,
  );
}

function pausedAt(state: LiveRunState): PausedAt | null {
  switch (state.tag) {
    case 'initialising':
      return { tag: 'initialising' };
    case 'releasing':
      return { tag: 'releasing', release: state.release };
    case 'round': {
      const { current } = state;
      if (current.phase === 'folding') return { tag: 'round', current };
      if (current.phase === 'planned') return { tag: 'round', current: { ...current, failures: 0 } };
      // The tasks are withdrawn; on resumption the round is offered anew, under new ids.
      return {
        tag: 'round',
        current: {
          phase: 'planned',
          round: current.round,
          attempt: current.attempt + 1,
          failures: 0,
          startedMs: current.startedMs,
          notBeforeMs: 0,
          lastFailure: null,
        },
      };
    }
    case 'judging':
    case 'paused':
      return null;
  }
}

function paused(state: RunState, event: Of<'run-paused'>): RunState {
  const resume = isLive(state) ? pausedAt(state) : null;
  if (resume === null) return state;
  return { ...baseOf(state), tag: 'paused', reason: `Paused by ${event.by}.`, resume };
}

function baseOf(state: RunState) {
  const { run, plan, planName, spec, createdMs, from, weights, parentPreprocessing, preprocessing, rounds } = state;
  return { run, plan, planName, spec, createdMs, from, weights, parentPreprocessing, preprocessing, rounds };
}

function ended(state: RunState, tag: 'stopped' | 'failed', reason: string, endedMs: number): RunState {
  if (!isLive(state)) return state;
  const judging = state.tag === 'judging' ? state : null;
  const at = state.tag === 'paused' ? state.resume : state;
  return {
    ...baseOf(state),
    tag,
    reason,
    release: judging?.release ?? null,
    invitations: judging?.invitations ?? [],
    unfinished: at.tag === 'round' ? at.current : null,
    endedMs,
  };
}

function next(state: RunState, event: Exclude<RunEvent, { kind: 'run-created' }>): RunState {
  switch (event.kind) {
    case 'weights-initialised':
      if (state.tag !== 'initialising') return state;
      return {
        ...state,
        tag: 'round',
        weights: event.weights,
        parentPreprocessing: event.parentPreprocessing,
        current: planned(0, event.timeMs),
      };
    case 'round-opened':
      return opened(state, event);
    case 'answer-accepted':
    case 'answer-refused':
      return answered(state, event);
    case 'task-declined':
      return declined(state, event);
    case 'site-revoked':
      return revoked(state, event);
    case 'deadline-passed':
      return deadlinePassed(state, event);
    case 'grace-passed':
      return gracePassed(state, event);
    case 'round-folded':
      return folded(state, event);
    case 'release-numbered': {
      if (state.tag !== 'releasing' || state.release !== null) return state;
      const { version, number, software, timeMs } = event;
      return { ...state, release: { version, number, software, createdMs: timeMs } };
    }
    case 'released':
      return released(state, event);
    case 'judge-invited':
      if (state.tag !== 'judging' || state.invitations.some(({ site }) => site === event.site)) return state;
      return {
        ...state,
        invitations: [
          ...state.invitations,
          { site: event.site, task: judgeTask(state.run, event.site), answer: null },
        ].sort(bySite),
      };
    case 'judgement-accepted': {
      const { site, task, decision, submission, timeMs } = event;
      if (state.tag !== 'judging') return state;
      const asked = state.invitations.some(
        (other) => other.site === site && other.task === task && other.answer === null,
      );
      return asked ? judged(state, site, { kind: 'decided', decision, submission }, timeMs) : state;
    }
    case 'hold-ended':
    case 'judgement-revised': {
      if (state.tag !== 'judging' && state.tag !== 'finished') return state;
      const { site, task, submission } = event;
      if (!state.invitations.some((other) => other.task === task && isHold(other, site))) return state;
      const decision = event.kind === 'hold-ended' ? 'reject' : event.decision;
      const answer = { kind: 'decided', decision, submission } as const;
      return {
        ...state,
        invitations: state.invitations.map((other) => (isHold(other, site) ? { ...other, answer } : other)),
      };
    }
    case 'judging-closed':
      return state.tag === 'judging' && event.timeMs >= state.deadlineMs ? finished(state, event.timeMs) : state;
    case 'run-paused':
      return paused(state, event);
    case 'run-resumed':
      if (state.tag !== 'paused') return state;
      return { ...baseOf(state), ...state.resume };
    case 'run-stopped':
      return ended(state, 'stopped', `Stopped by ${event.by}.`, event.timeMs);
    case 'run-failed':
      return ended(state, 'failed', event.reason, event.timeMs);
  }
}

/**
 * The state after an event, and what is newly to be done. Pure: the same events give the same state on every machine.
 * An event that does not fit the state (a repeat, an answer to a closed round) gives back the very same state, and nothing
 * to do; such events are not stored.
 * @param state null before `run-created`
 */
export function transition(state: RunState | null, event: RunEvent): readonly [RunState | null, readonly Effect[]] {
  if (event.kind === 'run-created') {
    if (state !== null) return [state, []];
    const { run, plan, planName, spec, from, timeMs } = event;
    const created: RunState = {
      tag: 'initialising',
      run,
      plan,
      planName,
      spec,
      createdMs: timeMs,
      from,
      weights: null,
      parentPreprocessing: null,
      preprocessing: null,
      rounds: [],
    };
    return [created, outstanding(created)];
  }
  if (state === null) return [null, []];
  const after = next(state, event);
  if (after === state) return [state, []];
  const before = new Set(outstanding(state).map(effectKey));
  return [after, outstanding(after).filter((effect) => !before.has(effectKey(effect)))];
}
