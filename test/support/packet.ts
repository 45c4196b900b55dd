import type { ConsortiumRecord, PacketRecord, SiteJudgement, SiteRecord } from '../../shared/packet/record.ts';
import type { Evidence, Judgement } from '../../shared/plan/judgement.ts';
import { loadPlan } from '../../shared/plan/load-plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { shareJudgement } from '../../shared/privacy/share-judgement.ts';
import { evidenceText } from '../../shared/report/evidence-file.ts';
import { canonicalDigest, canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';
import { decide } from '../../site-agent/judging/decide.ts';
import { columnShift, goodEvidence, goodPackage, subgroupEvidence } from './evidence.ts';
import { heartPlan } from './plans.ts';

export const packetPlan = loadPlan(
  canonicalJson(
    heartPlan({
      gate: {
        netBenefit: { threshold: 0.2 },
        update: { allowed: ['intercept', 'logistic'] },
        override: { roles: ['clinical lead', 'data protection officer'] },
      } as never,
    }),
  ),
  'plan',
);
const policy: Policy = packetPlan.plan.gate;

/** Evidence of a release that passes, with a subgroup and a found shift. */
export function packetEvidence(change: Partial<Evidence> = {}): Evidence {
  return goodEvidence({
    plan: packetPlan.digest,
    subgroups: [subgroupEvidence()],
    shift: [
      columnShift({}),
      columnShift({
        column: 'cholesterol',
        against: 'own-training',
        psi: 0.61,
        found: true,
        large: true,
        kind: 'distribution',
        adjustedP: 0.0002,
        explanation: 'cholesterol is higher than among the training rows.',
      }),
    ],
    ...change,
  });
}

export function packetJudgement(evidence: Evidence = packetEvidence()): Judgement {
  const modelPackage = goodPackage({ plan: packetPlan.digest });
  return { decision: decide(policy, modelPackage, evidence), package: modelPackage, evidence };
}

function siteJudgement(judgement: Judgement): SiteJudgement {
  const { text, digest } = evidenceText(judgement, policy);
  return {
    name: `heart-disease-2_${digest.slice(0, 16)}`,
    text,
    digest,
    file: { wardround: 'evidence-file/1', policy, ...judgement },
    policy,
  };
}

export const shared = (judgement: Judgement): SharedJudgement =>
  shareJudgement(judgement, null, packetPlan.plan, { summaries: [], judgements: [] });

const version = 'heart-disease/2' as ReleaseVersion;
const digest = 'b'.repeat(64) as Digest;
const card = {
  run: 'heart-disease-2',
  parent: 'heart-disease/1' as ReleaseVersion,
  created: '2024-02-01T00:00:00.000Z',
  software: 'wardround 0.1.0',
  trainingCutoff: '2024-01-01',
  sites: ['north', 'south'],
  rounds: [
    {
      round: 0,
      published: '2024-01-31T00:00:00.000Z',
      updates: [
        { site: 'north', digest: 'd'.repeat(64), examples: 1200 },
        { site: 'south', digest: 'e'.repeat(64), examples: 800 },
      ],
      excluded: [{ site: 'west', reason: 'late' }],
    },
  ],
};

export function sampleSite(change: Partial<SiteRecord> = {}): SiteRecord {
  return {
    site: 'north' as SiteName,
    approval: {
      plan: packetPlan.digest,
      policy,
      policyDigest: canonicalDigest(policy),
      source: 'plan',
      at: '2024-01-15T09:00:00.000Z',
      mode: 'manual',
    },
    releases: [
      {
        version,
        digest,
        plan: packetPlan.digest,
        receivedAt: '2024-02-01T01:00:00.000Z',
        decision: 'accept',
        decidedAt: '2024-12-31T00:00:00.000Z',
        place: 'active',
        variantOf: null,
      },
    ],
    card,
    files: [{ name: 'model.onnx', digest: 'f'.repeat(64), bytes: 4321 }],
    judgements: [siteJudgement(packetJudgement())],
    events: [],
    people: [
      {
        at: '2024-06-01T10:00:00.000Z',
        version: 'heart-disease/1' as ReleaseVersion,
        kind: 'override',
        role: 'clinical lead',
        name: 'Ada Lee',
        reason: 'watched by hand',
        evidence: 'a'.repeat(64) as Digest,
        signed: true,
      },
    ],
    notices: [
      {
        wardround: 'notice/1',
        site: 'north' as SiteName,
        plan: packetPlan.digest,
        release: { version, digest },
        from: 'active',
        to: 'watched',
        inUse: version,
        at: '2025-01-20T00:00:00.000Z',
        signals: [{ signal: 'calibration', level: 'warn' }],
        byRoles: null,
      },
    ],
    ledger: [{ what: 'judgement', entries: 1, bytes: 5000 }],
    ...change,
  };
}

export function sampleConsortium(change: Partial<ConsortiumRecord> = {}): ConsortiumRecord {
  const held = packetJudgement(packetEvidence({ site: 'south' as SiteName, events: 12, rows: 280 }));
  return {
    releases: [
      {
        version,
        digest,
        run: 'heart-disease-2',
        plan: packetPlan.digest,
        createdAt: '2024-02-01T00:00:00.000Z',
        files: [{ name: 'model.onnx', digest: 'f'.repeat(64), bytes: 4321 }],
        card,
        decisions: [packetJudgement(), held].map((judgement) => ({
          site: judgement.evidence.site,
          decision: judgement.decision.decision,
          receivedAt: '2024-12-31T00:00:10.000Z',
          judgement: shared(judgement),
        })),
        notices: [],
        awaited: ['west' as SiteName],
        notJudged: [{ site: 'east' as SiteName, reason: 'declined', detail: 'too_few_rows' }],
        pooled: [
          {
            figure: 'auroc',
            sites: ['north', 'south', 'west'],
            mean: { value: 0.81, low: 0.76, high: 0.85 },
            prediction: { low: 0.66, high: 0.9 },
            iSquared: 0.42,
            outOfFamily: ['west'],
          },
        ],
      },
    ],
    runs: [
      {
        run: 'heart-disease-2',
        status: 'finished',
        createdAt: '2024-01-30T00:00:00.000Z',
        finishedAt: '2024-12-31T00:00:10.000Z',
        rounds: 11,
        release: version,
      },
    ],
    sites: [{ site: 'north' as SiteName, status: 'enrolled' }],
    audit: { entries: 12, from: null, to: null, byEvent: { 'admission.accepted': 12 } },
    ...change,
  };
}

export function packetRecord(change: Partial<PacketRecord> = {}): PacketRecord {
  return {
    madeAt: '2025-02-01T12:00:00.000Z',
    software: '0.1.0',
    plan: { plan: packetPlan.plan, digest: packetPlan.digest },
    release: { version, digest },
    consortium: null,
    site: null,
    ...change,
  };
}
