import type { Evidence, Judgement } from '../../shared/plan/judgement.ts';
import { decide } from '../../site-agent/judging/decide.ts';
import { goodEvidence, goodPackage, policyOf } from './evidence.ts';

/** A whole judgement as a site keeps it, decided by the default policy. */
export function goodJudgement(change: Partial<Evidence> = {}): Judgement {
  const evidence = goodEvidence(change);
  const record = goodPackage({
    version: evidence.release.version,
    digest: evidence.release.digest,
    plan: evidence.plan,
  });
  return { decision: decide(policyOf(), record, evidence), package: record, evidence };
}
