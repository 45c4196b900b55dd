import type { SiteName } from '../../shared/runtime/ids.ts';
import type { Exclusion, RoundView, RunStatus, RunView } from '../../shared/wire/operator-port.ts';
import type { AcceptedAnswer } from './events.ts';
import { declineText, type Invitation, type RoundRecord, type RoundState, type RunState } from './state.ts';

export interface Traffic {
  readonly bytesUp: number;
  readonly bytesDown: number;
}

const noTraffic: Traffic = { bytesUp: 0, bytesDown: 0 };

/** Mean over sites, weighted by examples, of each metric; a site that did not report one is not in its mean. */
function meanMetrics(updates: readonly AcceptedAnswer[]): Record<string, number> {
  const sums = new Map<string, { sum: number; weight: number }>();
  for (const { metrics, examples } of updates) {
    for (const [name, value] of Object.entries(metrics)) {
      const entry = sums.get(name) ?? { sum: 0, weight: 0 };
      sums.set(name, { sum: entry.sum + value * (examples ?? 0), weight: entry.weight + (examples ?? 0) });
    }
  }
  return Object.fromEntries(
    [...sums]
      .filter(([, { weight }]) => weight > 0)
      .map(([name, { sum, weight }]): [string, number] => [name, sum / weight])
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  );
}

function sitesOf(updates: readonly AcceptedAnswer[]): SiteName[] {
  return updates.map(({ site }) => site);
}

function recordView(record: RoundRecord, traffic: Traffic): RoundView {
  return {
    round: record.round,
    phase: 'published',
    attempt: record.attempt,
    sites: sitesOf(record.updates),
    excluded: record.excluded,
    offered: record.offered,
    received: sitesOf(record.updates),
    ...traffic,
    startedMs: record.startedMs,
    durationMs: record.publishedMs - record.startedMs,
    metrics: meanMetrics(record.updates),
    weights: record.round === 0 ? null : record.object.digest,
  };
}

function currentView(current: RoundState, traffic: Traffic, given: { failed: boolean; nowMs: number }): RoundView {
  const base = {
    round: current.round,
    attempt: current.attempt,
    ...traffic,
    startedMs: current.startedMs,
    durationMs: current.startedMs === null ? null : Math.max(0, given.nowMs - current.startedMs),
    sites: [],
    metrics: {},
    weights: null,
  };
  const phase = given.failed ? 'failed' : current.phase;
  switch (current.phase) {
    case 'planned': {
      const failure = current.lastFailure;
      return {
        ...base,
        phase: failure === null ? phase : 'failed',
        // What is shown is the try that failed; the state counts the one to come.
        attempt: failure?.attempt ?? current.attempt,
        excluded: failure?.excluded ?? [],
        offered: failure?.offered ?? [],
        received: failure?.received ?? [],
      };
    }
    case 'open':
    case 'collecting':
      return {
        ...base,
        phase,
        excluded: current.absent,
        offered: current.offered.map(({ site }) => site),
        received: current.answers.filter((answer) => answer.kind === 'accepted').map(({ site }) => site),
      };
    case 'folding':
      return {
        ...base,
        phase,
        sites: sitesOf(current.updates),
        excluded: current.excluded,
        offered: current.offered,
        received: sitesOf(current.updates),
        metrics: meanMetrics(current.updates),
      };
  }
}

function statusOf(state: RunState, obstacle: string | null): RunStatus {
  switch (state.tag) {
    case 'initialising':
    case 'releasing':
      return 'running';
    case 'round':
      return state.current.phase === 'planned' && obstacle !== null ? 'waiting' : 'running';
    case 'judging':
    case 'paused':
    case 'finished':
    case 'stopped':
    case 'failed':
      return state.tag;
  }
}

function unfinished(state: RunState): RoundState | null {
  switch (state.tag) {
    case 'round':
      return state.current;
    case 'paused':
      return state.resume.tag === 'round' ? state.resume.current : null;
    case 'stopped':
    case 'failed':
      return state.unfinished;
    case 'initialising':
    case 'releasing':
    case 'judging':
    case 'finished':
      return null;
  }
}

/** What an operator is shown of a run. */
export function runView(
  state: RunState,
  extra: { readonly obstacle: string | null; readonly traffic: ReadonlyMap<number, Traffic>; readonly nowMs: number },
): RunView {
  const ended = 'endedMs' in state;
  const nowMs = ended ? state.endedMs : extra.nowMs;
  const traffic = (round: number): Traffic => extra.traffic.get(round) ?? noTraffic;
  const current = unfinished(state);
  const failed = state.tag === 'failed' || state.tag === 'stopped';
  return {
    run: state.run,
    plan: state.plan,
    planName: state.planName,
    status: statusOf(state, extra.obstacle),
    reason: 'reason' in state ? state.reason : extra.obstacle,
    rounds: [
      ...state.rounds.map((record) => recordView(record, traffic(record.round))),
      ...(current === null ? [] : [currentView(current, traffic(current.round), { failed, nowMs })]),
    ],
    roundsPlanned: state.spec.rounds,
    // A version that is only numbered is not out yet.
    release: 'release' in state && state.release !== null && 'digest' in state.release ? state.release.version : null,
    createdMs: state.createdMs,
    finishedMs: ended ? state.endedMs : null,
  };
}

/** Sites that still may judge the run's release. */
export function awaitedOf(state: RunState): SiteName[] {
  return state.tag === 'judging'
    ? state.invitations.filter(({ answer }) => answer === null).map(({ site }) => site)
    : [];
}

function missing({ site, answer }: Invitation, ended: boolean): Exclusion | null {
  switch (answer?.kind) {
    case 'decided':
      return null;
    case 'declined':
      return { site, reason: 'declined', detail: declineText(answer) };
    case 'revoked':
      return { site, reason: 'revoked', detail: null };
    case undefined:
      return ended ? { site, reason: 'no_answer', detail: null } : null;
  }
}

/** Sites asked to judge the run's release that have not, and are no longer awaited. */
export function notJudgedOf(state: RunState): Exclusion[] {
  const invitations = 'invitations' in state ? state.invitations : [];
  return invitations.flatMap((invitation) => missing(invitation, state.tag !== 'judging') ?? []);
}
