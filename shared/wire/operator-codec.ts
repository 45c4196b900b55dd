import type { DecisionKind } from '../plan/judgement.ts';
import { decodeJudgement, decodeNotice, encodeJudgement, encodeNotice } from './federation-codec.ts';
import {
  countField,
  digestField,
  digestFields,
  finiteField,
  jsonField,
  malformed,
  metricsField,
  present,
  runField,
  siteField,
  textField,
  versionField,
  wordField,
} from './fields.ts';
import type * as Wire from './generated/operator.ts';
import type {
  AuditEntry,
  Exclusion,
  ExclusionReason,
  ReleaseDecision,
  ReleaseNotice,
  ReleaseView,
  RoundPhase,
  RoundView,
  RunStatus,
  RunView,
  SiteView,
} from './operator-port.ts';

/** Most characters of what is told of one site, and of why a run stands still, which names several. */
const longestDetail = 5000;
const longestReason = 20_000;

const runStatuses: Readonly<Record<RunStatus, true>> = {
  waiting: true,
  running: true,
  paused: true,
  judging: true,
  finished: true,
  stopped: true,
  failed: true,
};
const roundPhases: Readonly<Record<RoundPhase, true>> = {
  planned: true,
  open: true,
  collecting: true,
  folding: true,
  published: true,
  failed: true,
};
const exclusionReasons: Readonly<Record<ExclusionReason, true>> = {
  not_connected: true,
  plan_not_approved: true,
  declined: true,
  refused: true,
  late: true,
  revoked: true,
  no_answer: true,
};
const siteStatuses: Readonly<Record<SiteView['status'], true>> = { invited: true, enrolled: true, revoked: true };
const decisions: Readonly<Record<DecisionKind, true>> = { accept: true, hold: true, reject: true };

/** Null is absence on the wire. */
function optional<Name extends string, T>(name: Name, value: T | null | undefined): { [K in Name]?: T } {
  return value === null || value === undefined ? {} : ({ [name]: value } as { [K in Name]: T });
}

const sites = (values: readonly string[], field: string) => values.map((value) => siteField(value, field));
const nullable = <In, Out>(value: In | undefined, field: string, check: (value: In, field: string) => Out) =>
  value === undefined ? null : check(value, field);

function encodeHead(view: RunView): Wire.RunHead {
  return {
    run: view.run,
    plan: view.plan,
    planName: view.planName,
    status: view.status,
    ...optional('reason', view.reason),
    roundsPlanned: view.roundsPlanned,
    ...optional('release', view.release),
    createdMs: Math.round(view.createdMs),
    ...optional('finishedMs', view.finishedMs === null ? null : Math.round(view.finishedMs)),
    roundCount: view.rounds.length,
  };
}

function encodeExclusion({ site, reason, detail }: Exclusion): Wire.Exclusion {
  return { site, reason, ...optional('detail', detail) };
}

function decodeExclusion(wire: Wire.Exclusion, field: string): Exclusion {
  return {
    site: siteField(wire.site, `${field}.site`),
    reason: wordField(wire.reason, exclusionReasons, `${field}.reason`),
    detail: nullable(wire.detail, `${field}.detail`, (text, name) => textField(text, name, longestDetail)),
  };
}

function encodeRound(view: RoundView): Wire.RoundView {
  return {
    round: view.round,
    phase: view.phase,
    attempt: view.attempt,
    sites: view.sites,
    excluded: view.excluded.map(encodeExclusion),
    offered: view.offered,
    received: view.received,
    bytesUp: view.bytesUp,
    bytesDown: view.bytesDown,
    ...optional('startedMs', view.startedMs === null ? null : Math.round(view.startedMs)),
    ...optional('durationMs', view.durationMs),
    metrics: view.metrics,
    ...optional('weights', view.weights),
  };
}

function decodeRound(wire: Wire.RoundView): RoundView {
  return {
    round: countField(wire.round, 'round.round'),
    phase: wordField(wire.phase, roundPhases, 'round.phase'),
    attempt: countField(wire.attempt, 'round.attempt'),
    sites: sites(wire.sites, 'round.sites'),
    excluded: wire.excluded.map((exclusion) => decodeExclusion(exclusion, 'round.excluded')),
    offered: sites(wire.offered, 'round.offered'),
    received: sites(wire.received, 'round.received'),
    bytesUp: countField(wire.bytesUp, 'round.bytesUp'),
    bytesDown: countField(wire.bytesDown, 'round.bytesDown'),
    startedMs: nullable(wire.startedMs, 'round.startedMs', countField),
    durationMs: nullable(wire.durationMs, 'round.durationMs', finiteField),
    metrics: metricsField(wire.metrics, 'round.metrics'),
    weights: nullable(wire.weights, 'round.weights', digestField),
  };
}

/**
 * The parts of run views that follow each other on one stream: the head, the rounds, end. A view of the same run as
 * the one before sends only the rounds that changed.
 */
export function runViewEncoder(): (view: RunView) => Generator<Wire.RunPart> {
  let run: string | undefined;
  let sent: string[] = [];
  return function* (view) {
    if (view.run !== run) {
      run = view.run;
      sent = [];
    }
    yield { head: encodeHead(view) };
    for (const [index, round] of view.rounds.entries()) {
      const text = JSON.stringify(round);
      if (sent[index] === text) continue;
      sent[index] = text;
      yield { round: { index, round: encodeRound(round) } };
    }
    sent.length = view.rounds.length;
    yield { end: {} };
  };
}

/** Puts the parts of `runViewEncoder` together again; gives a view at every end. */
export function runViewDecoder(): (part: Wire.RunPart) => RunView | undefined {
  let head: Wire.RunHead | undefined;
  let rounds: RoundView[] = [];
  return (part) => {
    if (part.head !== undefined) {
      if (head?.run !== part.head.run) rounds = [];
      head = part.head;
      return undefined;
    }
    if (part.round !== undefined) {
      // An index that leaves a hole would make an array of any size.
      if (part.round.index > rounds.length) throw malformed('round.index', `${part.round.index} leaves a hole`);
      rounds[part.round.index] = decodeRound(present(part.round.round, 'round.round'));
      return undefined;
    }
    if (part.end === undefined) throw malformed('part', 'is of a kind this version does not know');
    const wire = present(head, 'head');
    if (rounds.length < wire.roundCount)
      throw malformed('head.roundCount', `${wire.roundCount}, ${rounds.length} came`);
    rounds.length = wire.roundCount;
    return {
      run: runField(wire.run, 'run'),
      plan: digestField(wire.plan, 'plan'),
      planName: textField(wire.planName, 'planName'),
      status: wordField(wire.status, runStatuses, 'status'),
      reason: nullable(wire.reason, 'reason', (text, name) => textField(text, name, longestReason)),
      rounds: [...rounds],
      roundsPlanned: countField(wire.roundsPlanned, 'roundsPlanned'),
      release: nullable(wire.release, 'release', versionField),
      createdMs: countField(wire.createdMs, 'createdMs'),
      finishedMs: nullable(wire.finishedMs, 'finishedMs', countField),
    };
  };
}

export function encodeSiteView(view: SiteView): Wire.SiteView {
  return {
    site: view.site,
    status: view.status,
    connected: view.connected,
    ...optional('lastSeenMs', view.lastSeenMs === null ? null : Math.round(view.lastSeenMs)),
    ...optional(
      'certificateExpiresMs',
      view.certificateExpiresMs === null ? null : Math.round(view.certificateExpiresMs),
    ),
    approvedPlans: view.approvedPlans,
    ...optional('software', view.software),
  };
}

export function decodeSiteView(wire: Wire.SiteView): SiteView {
  return {
    site: siteField(wire.site, 'site'),
    status: wordField(wire.status, siteStatuses, 'status'),
    connected: wire.connected,
    lastSeenMs: nullable(wire.lastSeenMs, 'lastSeenMs', countField),
    certificateExpiresMs: nullable(wire.certificateExpiresMs, 'certificateExpiresMs', countField),
    approvedPlans: digestFields(wire.approvedPlans, 'approvedPlans', 1000),
    software: nullable(wire.software, 'software', textField),
  };
}

type ReleaseFile = ReleaseView['files'][number];

export function encodeFile(file: ReleaseFile): Wire.ReleaseFile {
  return { name: file.name, digest: file.digest, bytes: file.bytes };
}

export function decodeFile(wire: Wire.ReleaseFile): ReleaseFile {
  // The name becomes a path where a release is exported: one plain component, never a way out.
  if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(wire.name)) throw malformed('file.name', 'is not a plain file name');
  return {
    name: wire.name,
    digest: digestField(wire.digest, 'file.digest'),
    bytes: countField(wire.bytes, 'file.bytes'),
  };
}

/** The parts of one release's view: head, decisions, notices, end. */
export function* encodeRelease(view: ReleaseView): Generator<Wire.ReleasePart> {
  const { version, digest, run, plan, files, awaited } = view;
  const notJudged = view.notJudged.map(encodeExclusion);
  yield {
    head: {
      version,
      digest,
      run,
      plan,
      createdMs: Math.round(view.createdMs),
      files: files.map(encodeFile),
      awaited,
      notJudged,
    },
  };
  for (const decision of view.decisions) {
    yield {
      decision: {
        site: decision.site,
        decision: decision.decision,
        receivedMs: Math.round(decision.receivedMs),
        judgement: encodeJudgement(decision.judgement),
      },
    };
  }
  for (const { site, receivedMs, notice } of view.notices) {
    yield { notice: { site, receivedMs: Math.round(receivedMs), notice: encodeNotice(notice) } };
  }
  yield { end: {} };
}

/** Puts the parts of `encodeRelease` together again; gives a view at every end. */
export function releaseDecoder(): (part: Wire.ReleasePart) => ReleaseView | undefined {
  let head: Wire.ReleaseHead | undefined;
  let taken: ReleaseDecision[] = [];
  let notices: ReleaseNotice[] = [];
  return (part) => {
    if (part.head !== undefined) {
      head = part.head;
      taken = [];
      notices = [];
      return undefined;
    }
    if (part.decision !== undefined) {
      taken.push({
        site: siteField(part.decision.site, 'decision.site'),
        decision: wordField(part.decision.decision, decisions, 'decision.decision'),
        receivedMs: countField(part.decision.receivedMs, 'decision.receivedMs'),
        judgement: decodeJudgement(part.decision.judgement),
      });
      return undefined;
    }
    if (part.notice !== undefined) {
      notices.push({
        site: siteField(part.notice.site, 'notice.site'),
        receivedMs: countField(part.notice.receivedMs, 'notice.receivedMs'),
        notice: decodeNotice(part.notice.notice),
      });
      return undefined;
    }
    if (part.end === undefined) throw malformed('part', 'is of a kind this version does not know');
    const wire = present(head, 'head');
    return {
      version: versionField(wire.version, 'version'),
      digest: digestField(wire.digest, 'digest'),
      run: runField(wire.run, 'run'),
      plan: digestField(wire.plan, 'plan'),
      createdMs: countField(wire.createdMs, 'createdMs'),
      files: wire.files.map(decodeFile),
      decisions: taken,
      notices,
      awaited: sites(wire.awaited, 'awaited'),
      notJudged: wire.notJudged.map((one) => decodeExclusion(one, 'notJudged')),
    };
  };
}

export function encodeAudit(entry: AuditEntry): Wire.AuditEntry {
  return {
    sequence: entry.sequence,
    timeMs: Math.round(entry.timeMs),
    event: entry.event,
    ...optional('actor', entry.actor),
    details: JSON.stringify(entry.details),
  };
}

export function decodeAudit(wire: Wire.AuditEntry): AuditEntry {
  const details = jsonField(new TextEncoder().encode(wire.details), 'details');
  if (typeof details !== 'object' || details === null || Array.isArray(details)) {
    throw malformed('details', 'is not a JSON object');
  }
  return {
    sequence: countField(wire.sequence, 'sequence'),
    timeMs: countField(wire.timeMs, 'timeMs'),
    event: textField(wire.event, 'event'),
    actor: nullable(wire.actor, 'actor', textField),
    details: details as Readonly<Record<string, unknown>>,
  };
}
