import { cardRecordOf } from '../../shared/packet/card-record.ts';
import { PacketError } from '../../shared/packet/packet-error.ts';
import type { PacketRecord, SiteJudgement, SiteRecord } from '../../shared/packet/record.ts';
import type { Judgement } from '../../shared/plan/judgement.ts';
import { evidenceFileSchema } from '../../shared/plan/judgement-schema.ts';
import { type Policy, policySchema } from '../../shared/plan/policy.ts';
import { evidenceText } from '../../shared/report/evidence-file.ts';
import { reportName } from '../../shared/report/judgement/judgement-report.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { type Digest, type ReleaseVersion, releaseOfVersion } from '../../shared/runtime/ids.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { AgentError } from '../agent/agent-error.ts';
import { createMonitorStore } from '../agent/monitor-store.ts';
import { createPeopleDecisions } from '../agent/people-decisions.ts';
import { approvedPolicy } from '../agent/plans.ts';
import { certificateSigner } from '../agent/signer.ts';
import { createLedger } from '../egress/ledger.ts';
import { listEvidence } from '../models/evidence-files.ts';
import { readRelease } from '../models/model-files.ts';
import { createModelRegistry, modelOfVersion, type RegisteredRelease } from '../models/registry.ts';
import { type OpenSite, withSite } from './open-site.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

function withoutEnding(name: string): string {
  return name.replace(/\.json$/, '');
}

/** Every evidence file of a model that is on disk. A file that is none any more is an error, not a gap. */
async function keptJudgements(directory: string, model: string): Promise<readonly SiteJudgement[]> {
  const kept: SiteJudgement[] = [];
  for (const { name, text } of await listEvidence(directory)) {
    const file = evidenceFileSchema.safeParse(JSON.parse(text));
    if (!file.success) {
      throw new PacketError('no_release', `judgements/${name} is no evidence file any more; restore it from a copy.`, {
        file: name,
      });
    }
    if (modelOfVersion(file.data.evidence.release.version) !== model) continue;
    kept.push({
      name: withoutEnding(name),
      text,
      digest: digestOf(text),
      file: file.data,
      policy: policySchema.parse(file.data.policy),
    });
  }
  return kept;
}

/** The last judgement of a release where it has no file of its own: time alone ended its hold. */
function lastJudgement(judgement: Judgement, policy: Policy): SiteJudgement {
  const { text, digest } = evidenceText(judgement, policy);
  const { evidence, package: modelPackage, decision } = judgement;
  return {
    name: `${reportName(judgement)}_${digest.slice(0, 16)}`,
    text,
    digest,
    file: { wardround: 'evidence-file/1', policy, package: modelPackage, evidence, decision },
    policy,
  };
}

function ledgerRecord({ store }: OpenSite): SiteRecord['ledger'] {
  const sums = new Map<string, { entries: number; bytes: number }>();
  for (const { what, bytesSent } of createLedger(store).entries()) {
    const sum = sums.get(what) ?? { entries: 0, bytes: 0 };
    sums.set(what, { entries: sum.entries + 1, bytes: sum.bytes + (bytesSent ?? 0) });
  }
  return [...sums].map(([what, sum]) => ({ what, ...sum })).sort((a, b) => (a.what < b.what ? -1 : 1));
}

function peopleRecord({ store, plans, identity }: OpenSite, model: string): SiteRecord['people'] {
  const decisions = createPeopleDecisions({
    store,
    plans,
    registry: createModelRegistry(store),
    site: identity.site,
    signer: certificateSigner(identity.site, () => identity),
    clock: systemClock,
  });
  return decisions
    .list()
    .filter(({ release }) => modelOfVersion(release.version) === model)
    .map(({ at, release, kind, role, name, reason, evidence, signed }) => ({
      at,
      version: release.version,
      kind,
      role,
      name,
      reason,
      evidence,
      signed,
    }));
}

function subjectOf(releases: readonly RegisteredRelease[], version: string | undefined): RegisteredRelease {
  const [newest] = [...releases].filter(({ parent }) => parent === null).sort((a, b) => b.receivedMs - a.receivedMs);
  const subject =
    version === undefined
      ? newest
      : releases.find((release) => release.version === releaseOfVersion(version as ReleaseVersion));
  if (subject === undefined) {
    throw new PacketError(
      'no_release',
      version === undefined ? 'No release has reached this site yet.' : `Release ${version} is not at this site.`,
      { version },
    );
  }
  return subject;
}

/** What the release holds as it was installed, each file checked against its digest; nothing where it was refused, or deleted by hand. */
async function installedFiles(directory: string, release: Digest): Promise<Pick<SiteRecord, 'card' | 'files'>> {
  let files: ReadonlyMap<string, Uint8Array>;
  try {
    files = (await readRelease(directory, release)).files;
  } catch (cause) {
    if (cause instanceof AgentError) return { card: null, files: [] };
    throw cause;
  }
  const card = files.get('card.json');
  return {
    card: card === undefined ? null : cardRecordOf(card),
    files: [...files].map(([name, bytes]) => ({ name, digest: digestOf(bytes), bytes: bytes.byteLength })),
  };
}

async function recordOf(site: OpenSite, version: string | undefined) {
  const { directory, store, plans, identity } = site;
  const registry = createModelRegistry(store);
  const subject = subjectOf(registry.releases(), version);
  const plan = plans.load(subject.plan);
  if (plan === null)
    throw new PacketError('no_release', `The plan of ${subject.version} is not at this site.`, {
      version: subject.version,
    });
  const policy = approvedPolicy(store, subject.plan);
  const approval = plans.list().find(({ digest }) => digest === subject.plan)?.approval ?? null;
  const releases = registry.releases().filter(({ model }) => model === subject.model);
  const installed = await installedFiles(directory, subject.digest);
  const kept = await keptJudgements(directory, subject.model);
  const known = new Set(kept.map(({ file }) => canonicalJson(file.decision)));
  const ended = releases.flatMap((release) => {
    const last = registry.judgementOf(release.version);
    const signed = last === null ? null : approvedPolicy(store, last.evidence.plan);
    return last === null || signed === null || known.has(canonicalJson(last.decision))
      ? []
      : [lastJudgement(last, signed)];
  });
  const record: SiteRecord = {
    site: identity.site,
    approval:
      policy === null || approval === null
        ? null
        : {
            plan: subject.plan,
            policy,
            policyDigest: canonicalDigest(policy),
            source: approval.policySource,
            at: iso(approval.approvedMs),
            mode: approval.mode,
          },
    releases: releases.map((release) => ({
      version: release.version,
      digest: release.digest,
      plan: release.plan,
      receivedAt: iso(release.receivedMs),
      decision: release.decision,
      decidedAt: release.decidedMs === null ? null : iso(release.decidedMs),
      place: release.slot,
      variantOf: release.parent,
    })),
    card: installed.card,
    files: installed.files,
    judgements: [...kept, ...ended],
    events: registry
      .events()
      .filter(({ model }) => model === subject.model)
      .map(({ atMs, event, version: of, fromVersion }) => ({ at: iso(atMs), event, version: of, from: fromVersion })),
    people: peopleRecord(site, subject.model),
    notices: createMonitorStore(store)
      .notices()
      .map(({ notice }) => notice)
      .filter(({ release }) => modelOfVersion(release.version) === subject.model),
    ledger: ledgerRecord(site),
  };
  return {
    plan: { plan: plan.plan, digest: plan.digest },
    release: { version: subject.version, digest: subject.digest },
    site: record,
  };
}

/**
 * What a hospital has on record of one model, for a packet: the release named, or the one received last, with every other one of its model.
 * @throws PacketError `no_release`; what opening the site throws
 */
export function siteRecord(
  directory: string,
  version: string | undefined,
): Promise<{ readonly site: SiteRecord } & Pick<PacketRecord, 'plan' | 'release'>> {
  return withSite(directory, (site) => recordOf(site, version));
}
