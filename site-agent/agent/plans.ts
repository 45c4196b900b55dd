import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type LoadedPlan, type LoadedPolicy, loadPolicy, parseCanonicalPlan } from '../../shared/plan/load-plan.ts';
import type { Policy } from '../../shared/plan/policy.ts';
import { strictnessViolations } from '../../shared/plan/strictness.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { ConfigError } from '../../shared/runtime/config-error.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, RunId, SiteName } from '../../shared/runtime/ids.ts';
import type { SiteConfig } from '../config.ts';
import { AgentError } from './agent-error.ts';
import type { SiteSignature, SiteSigner } from './signer.ts';
import type { AgentStore } from './store.ts';

/** What the site signs when it approves a plan: which rules will judge its models, fixed before any model exists. */
export interface ApprovalRecord {
  readonly wardround: 'approval/1';
  readonly site: SiteName;
  readonly plan: Digest;
  /** Digest of the policy in force. */
  readonly policy: Digest;
  readonly policySource: 'plan' | 'site';
  readonly approvedMs: number;
  readonly mode: 'manual' | 'automatic';
}

/** A plan that has reached this site. */
export interface PlanEntry {
  readonly digest: Digest;
  readonly name: string;
  readonly purpose: string;
  readonly runs: readonly RunId[];
  readonly receivedMs: number;
  readonly approval: ApprovalRecord | null;
}

export interface PlanBook {
  /** Keeps a plan whose digest has been checked, and the run that uses it. */
  remember(run: RunId | null, plan: LoadedPlan, nowMs: number): void;
  load(digest: Digest): LoadedPlan | null;
  list(): readonly PlanEntry[];
  /** Digests of approved plans, sorted. */
  approved(): readonly Digest[];
  isApproved(digest: Digest): boolean;
  /** @param prefix the digest or at least its first 8 digits. @throws AgentError `digest_malformed`, `unknown_plan`, `digest_ambiguous` */
  resolve(prefix: string): Digest;
  /**
   * Approves a plan under the policy in force now, and signs that.
   * @throws AgentError `unknown_plan`, `policy_looser`; PlanError for a broken policy file
   */
  approve(digest: Digest, mode: ApprovalRecord['mode'], nowMs: number): ApprovalRecord;
  /**
   * The policy that was signed with the plan's approval, provided that it is still the one in force.
   * @throws AgentError `plan_not_approved`, `policy_signature`, `policy_changed`, `policy_looser`
   */
  signedPolicy(plan: LoadedPlan): Policy;
}

export interface PlanBookParts {
  readonly store: AgentStore;
  readonly directory: string;
  readonly site: SiteName;
  readonly config: Pick<SiteConfig, 'policyFile'>;
  readonly signer: SiteSigner;
}

interface ApprovalRow {
  readonly record: string;
  readonly signature: string;
}

function readPolicyFile(directory: string, name: string): LoadedPolicy {
  const path = isAbsolute(name) ? name : join(directory, name);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError('not_found', `site.yaml: policyFile: ${path} cannot be read.`, { file: path }, cause);
  }
  return loadPolicy(text, path);
}

/**
 * The hospital's own policy where it has one, else the plan's.
 * @throws AgentError `policy_looser`; ConfigError, PlanError for a policy file that is missing or broken
 */
export function policyInForce(
  directory: string,
  config: Pick<SiteConfig, 'policyFile'>,
  plan: LoadedPlan,
): { policy: Policy; digest: Digest; canonical: string; source: 'plan' | 'site' } {
  if (config.policyFile === undefined) {
    const canonical = canonicalJson(plan.plan.gate);
    return { policy: plan.plan.gate, digest: digestOf(canonical), canonical, source: 'plan' };
  }
  const own = readPolicyFile(directory, config.policyFile);
  const violations = strictnessViolations(own.policy, plan.plan.gate);
  if (violations.length > 0) {
    throw new AgentError(
      'policy_looser',
      `${config.policyFile} is looser than the policy of plan ${plan.digest.slice(0, 12)}; it may only be stricter:\n` +
        violations.map((line) => `  ${line}`).join('\n'),
      { file: config.policyFile, plan: plan.digest },
    );
  }
  return { ...own, source: 'site' };
}

/** The policy signed with a plan's approval, as it is stored; for a look at it. What is decided on goes through `signedPolicy`. */
export function approvedPolicy(store: AgentStore, plan: Digest): Policy | null {
  const row = store.get<{ policy: string }>('select policy from approvals where plan = ?', plan);
  return row === undefined ? null : (JSON.parse(row.policy) as Policy);
}

/** A plan that has reached this site, as it is stored; null when it has not. */
export function loadPlanFrom(store: AgentStore, digest: Digest): LoadedPlan | null {
  const row = store.get<{ canonical: string }>('select canonical from plans where digest = ?', digest);
  return row === undefined ? null : parseCanonicalPlan(Buffer.from(row.canonical, 'utf8'), digest);
}

export function createPlanBook(parts: PlanBookParts): PlanBook {
  const { store, directory, config, signer } = parts;

  const load = (digest: Digest): LoadedPlan | null => loadPlanFrom(store, digest);

  const approvalRow = (digest: Digest): ApprovalRow | undefined =>
    store.get<ApprovalRow>('select record, signature from approvals where plan = ?', digest);

  return {
    remember(run, plan, nowMs) {
      store.transaction(() => {
        store.run(
          'insert into plans (digest, name, canonical, received_ms) values (?, ?, ?, ?) on conflict (digest) do nothing',
          plan.digest,
          plan.plan.name,
          plan.canonical,
          nowMs,
        );
        if (run === null) return;
        store.run(
          `insert into plan_runs (run, plan, seen_ms) values (?, ?, ?)
           on conflict (run) do update set plan = excluded.plan, seen_ms = excluded.seen_ms`,
          run,
          plan.digest,
          nowMs,
        );
      });
    },
    load,
    list() {
      const runs = store.all<{ run: RunId; plan: Digest }>('select run, plan from plan_runs order by seen_ms, run');
      return store
        .all<{ digest: Digest; receivedMs: number }>(
          'select digest, received_ms as "receivedMs" from plans order by received_ms, digest',
        )
        .map(({ digest, receivedMs }) => {
          const { plan } = load(digest) as LoadedPlan;
          const row = approvalRow(digest);
          return {
            digest,
            name: plan.name,
            purpose: plan.purpose,
            runs: runs.filter((entry) => entry.plan === digest).map(({ run }) => run),
            receivedMs,
            approval: row === undefined ? null : (JSON.parse(row.record) as ApprovalRecord),
          };
        });
    },
    approved: () => store.all<{ plan: Digest }>('select plan from approvals order by plan').map(({ plan }) => plan),
    isApproved: (digest) => approvalRow(digest) !== undefined,
    resolve(prefix) {
      const wanted = prefix.toLowerCase();
      if (!/^[0-9a-f]{8,64}$/.test(wanted)) throw new AgentError('digest_malformed', undefined, { value: prefix });
      const found = store.all<{ digest: Digest }>('select digest from plans where digest like ?', `${wanted}%`);
      const [first, second] = found;
      if (first === undefined) {
        throw new AgentError(
          'unknown_plan',
          `No plan ${prefix} has reached this site. See what has: wardround site plans`,
          { plan: prefix },
        );
      }
      if (second !== undefined) throw new AgentError('digest_ambiguous', undefined, { value: prefix });
      return first.digest;
    },
    approve(digest, mode, nowMs) {
      const plan = load(digest);
      if (plan === null) throw new AgentError('unknown_plan', undefined, { plan: digest });
      const inForce = policyInForce(directory, config, plan);
      const record: ApprovalRecord = {
        wardround: 'approval/1',
        site: parts.site,
        plan: digest,
        policy: inForce.digest,
        policySource: inForce.source,
        approvedMs: nowMs,
        mode,
      };
      const text = canonicalJson(record);
      store.run(
        `insert into approvals (plan, record, policy, signature, approved_ms) values (?, ?, ?, ?, ?)
         on conflict (plan) do update set record = excluded.record, policy = excluded.policy,
           signature = excluded.signature, approved_ms = excluded.approved_ms`,
        digest,
        text,
        inForce.canonical,
        JSON.stringify(signer.sign(text)),
        nowMs,
      );
      return record;
    },
    signedPolicy(plan) {
      const row = approvalRow(plan.digest);
      if (row === undefined) throw new AgentError('plan_not_approved', undefined, { plan: plan.digest });
      const record = JSON.parse(row.record) as ApprovalRecord;
      const signature = JSON.parse(row.signature) as SiteSignature;
      if (
        record.plan !== plan.digest ||
        record.site !== parts.site ||
        !signer.verify(row.record, signature, record.approvedMs)
      ) {
        throw new AgentError('policy_signature', undefined, { plan: plan.digest });
      }
      const inForce = policyInForce(directory, config, plan);
      if (inForce.digest !== record.policy) {
        throw new AgentError(
          'policy_changed',
          `The policy in force (${inForce.digest.slice(0, 12)}) is not the one signed with the approval of plan ` +
            `${plan.digest.slice(0, 12)} (${record.policy.slice(0, 12)}). Approve the plan again: wardround site approve ${plan.digest.slice(0, 12)}`,
          { plan: plan.digest, policy: inForce.digest, signed: record.policy },
        );
      }
      return inForce.policy;
    },
  };
}
