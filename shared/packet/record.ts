import type { DecisionKind, Estimate, Evidence, EvidenceFile, LadderStep, Reason } from '../plan/judgement.ts';
import type { ModelNotice } from '../plan/notice.ts';
import type { Plan } from '../plan/plan.ts';
import type { Policy } from '../plan/policy.ts';
import type { SharedEvidence, SharedJudgement } from '../plan/shared-judgement.ts';
import type { Digest, ReleaseVersion, SiteName } from '../runtime/ids.ts';
import type { Exclusion } from '../wire/operator-port.ts';

/** Lineage of a release, as its card (`card/1`) has it. */
export interface CardRecord {
  readonly run: string;
  readonly parent: ReleaseVersion | null;
  readonly created: string;
  readonly software: string;
  readonly trainingCutoff: string | null;
  readonly sites: readonly string[];
  readonly rounds: readonly {
    readonly round: number;
    readonly published: string;
    readonly updates: readonly { readonly site: string; readonly digest: string; readonly examples: number }[];
    readonly excluded: readonly { readonly site: string; readonly reason: string }[];
  }[];
}

export interface ConsortiumRelease {
  readonly version: ReleaseVersion;
  readonly digest: Digest;
  readonly run: string;
  readonly plan: Digest;
  /** ISO date-time. */
  readonly createdAt: string;
  readonly files: readonly { readonly name: string; readonly digest: string; readonly bytes: number }[];
  readonly card: CardRecord | null;
  readonly decisions: readonly {
    readonly site: SiteName;
    readonly decision: DecisionKind;
    readonly receivedAt: string;
    readonly judgement: SharedJudgement;
  }[];
  readonly notices: readonly ModelNotice[];
  readonly awaited: readonly SiteName[];
  /** Sites that were asked to judge it and have not, with the reason. */
  readonly notJudged: readonly Exclusion[];
  /** Figures pooled over the hospitals that judged it, with where a further hospital's own is expected. */
  readonly pooled: readonly PooledRecord[];
}

export interface PooledRecord {
  readonly figure: 'auroc' | 'slope' | 'observedExpected';
  /** Hospitals pooled. */
  readonly sites: readonly string[];
  readonly mean: Estimate;
  /** 95% interval for the true value at a further hospital. */
  readonly prediction: { readonly low: number | null; readonly high: number | null; readonly reason?: string };
  readonly iSquared: number | null;
  readonly outOfFamily: readonly string[];
}

/** What the coordinator has on record. */
export interface ConsortiumRecord {
  readonly releases: readonly ConsortiumRelease[];
  readonly runs: readonly {
    readonly run: string;
    readonly status: string;
    readonly createdAt: string;
    readonly finishedAt: string | null;
    readonly rounds: number;
    readonly release: ReleaseVersion | null;
  }[];
  readonly sites: readonly { readonly site: SiteName; readonly status: string }[];
  readonly audit: {
    readonly entries: number;
    readonly from: string | null;
    readonly to: string | null;
    readonly byEvent: Readonly<Record<string, number>>;
  };
}

export interface SiteRelease {
  readonly version: ReleaseVersion;
  readonly digest: Digest;
  readonly plan: Digest;
  readonly receivedAt: string;
  readonly decision: DecisionKind | null;
  readonly decidedAt: string | null;
  readonly place: string | null;
  /** Of a local variant: the release it was made of, and the step. */
  readonly variantOf: ReleaseVersion | null;
}

export interface SiteJudgement {
  /** Name of its evidence file. */
  readonly name: string;
  /** Canonical JSON of the evidence file, and its SHA-256. */
  readonly text: string;
  readonly digest: Digest;
  readonly file: EvidenceFile;
  readonly policy: Policy;
}

/** What one hospital has on record. */
export interface SiteRecord {
  readonly site: SiteName;
  /** Policy signed with the approval of the subject's plan; null when it was not approved here. */
  readonly approval: {
    readonly plan: Digest;
    readonly policy: Policy;
    readonly policyDigest: Digest;
    readonly source: 'plan' | 'site';
    readonly at: string;
    readonly mode: 'manual' | 'automatic';
  } | null;
  readonly releases: readonly SiteRelease[];
  /** Card and files of the subject as they were installed here; null and empty where they are not. */
  readonly card: CardRecord | null;
  readonly files: readonly { readonly name: string; readonly digest: string; readonly bytes: number }[];
  readonly judgements: readonly SiteJudgement[];
  readonly events: readonly {
    readonly at: string;
    readonly event: string;
    readonly version: ReleaseVersion;
    readonly from: ReleaseVersion | null;
  }[];
  /** Decisions of people against the gate, with their names. */
  readonly people: readonly {
    readonly at: string;
    readonly version: ReleaseVersion;
    readonly kind: string;
    readonly role: string;
    readonly name: string;
    readonly reason: string;
    readonly evidence: Digest;
    readonly signed: boolean;
  }[];
  readonly notices: readonly ModelNotice[];
  /** What left the hospital, by kind. */
  readonly ledger: readonly { readonly what: string; readonly entries: number; readonly bytes: number }[];
}

/** Everything a packet is written from: recorded facts and nothing else. */
export interface PacketRecord {
  /** ISO date-time the packet is written at. */
  readonly madeAt: string;
  /** Version of Wardround that writes it. */
  readonly software: string;
  readonly plan: { readonly digest: Digest; readonly plan: Plan };
  /** The release the packet is about. */
  readonly release: { readonly version: ReleaseVersion; readonly digest: Digest } | null;
  readonly consortium: ConsortiumRecord | null;
  readonly site: SiteRecord | null;
}

/** A judgement as either side knows it: whole at the hospital, in shared form at the coordinator. */
export interface KnownJudgement {
  readonly site: SiteName;
  readonly version: ReleaseVersion;
  readonly at: string;
  readonly decision: DecisionKind;
  readonly reasons: readonly Pick<Reason, 'code' | 'text'>[];
  readonly update: LadderStep | null;
  readonly review: boolean;
  readonly revalidateDays: number | null;
  readonly evidence: Evidence | SharedEvidence;
  /** Digest of the evidence; null where the hospital keeps that, too. */
  readonly evidenceDigest: Digest | null;
  /** Where it is recorded, for the reader. */
  readonly source: string;
  readonly whole: boolean;
}

/** Every judgement on record, oldest first; the hospital's own whole one in place of what it shared. */
export function knownJudgements({ consortium, site }: PacketRecord): readonly KnownJudgement[] {
  const own: KnownJudgement[] = (site?.judgements ?? []).map(({ file: { decision, evidence }, digest }) => ({
    site: evidence.site,
    version: evidence.release.version,
    at: evidence.judgedAt,
    decision: decision.decision,
    reasons: decision.reasons,
    update: decision.update,
    review: decision.review,
    revalidateDays: decision.revalidateDays,
    evidence,
    evidenceDigest: decision.evidence,
    source: `evidence file ${digest.slice(0, 16)} of ${evidence.site}`,
    whole: true,
  }));
  const shared = (consortium?.releases ?? []).flatMap((release) =>
    release.decisions
      .filter(
        ({ site: from, judgement }) =>
          !own.some(
            (other) =>
              other.site === from &&
              other.version === release.version &&
              other.at === judgement.evidence.judgedAt &&
              other.decision === judgement.decision.decision,
          ),
      )
      .map(
        ({ site: from, judgement: { decision, evidence } }): KnownJudgement => ({
          site: from,
          version: release.version,
          at: evidence.judgedAt,
          decision: decision.decision,
          reasons: decision.reasons,
          update: decision.update,
          review: decision.review,
          revalidateDays: decision.revalidateDays,
          evidence,
          evidenceDigest: decision.evidence,
          source: `judgement shared by ${from}`,
          whole: false,
        }),
      ),
  );
  return [...own, ...shared].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.site < b.site ? -1 : 1));
}

/** The judgements of the release the packet is about, the last one of each hospital. */
export function subjectJudgements(record: PacketRecord): readonly KnownJudgement[] {
  const last = new Map<string, KnownJudgement>();
  for (const judgement of knownJudgements(record)) {
    if (judgement.version === record.release?.version) last.set(judgement.site, judgement);
  }
  return [...last.values()].sort((a, b) => (a.site < b.site ? -1 : 1));
}

/** Changes of state at hospitals, oldest first, each once. */
export function knownNotices({ consortium, site }: PacketRecord): readonly ModelNotice[] {
  const seen = new Map<string, ModelNotice>();
  for (const notice of [...(site?.notices ?? []), ...(consortium?.releases ?? []).flatMap(({ notices }) => notices)]) {
    seen.set(`${notice.site} ${notice.release.version} ${notice.at} ${notice.to}`, notice);
  }
  return [...seen.values()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** The policy that decides: the hospital's own where the packet is a hospital's, else the plan's. */
export function policyOf({ site, plan }: PacketRecord): Policy {
  return site?.approval?.policy ?? plan.plan.gate;
}

/** Card of the release the packet is about; null where it is not on record. */
export function subjectCard({ consortium, site, release }: PacketRecord): CardRecord | null {
  return consortium?.releases.find(({ version }) => version === release?.version)?.card ?? site?.card ?? null;
}

/** Files of that release, from either side. */
export function subjectFiles({ consortium, site, release }: PacketRecord): SiteRecord['files'] {
  return consortium?.releases.find(({ version }) => version === release?.version)?.files ?? site?.files ?? [];
}
