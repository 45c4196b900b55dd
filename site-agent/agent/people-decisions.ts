import type { Policy } from '../../shared/plan/policy.ts';
import { isUnfit } from '../../shared/plan/text.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';
import type { ModelRegistry } from '../models/registry.ts';
import { AgentError } from './agent-error.ts';
import { endedHold, waits } from './hold-deadlines.ts';
import type { PlanBook } from './plans.ts';
import type { SiteSignature, SiteSigner } from './signer.ts';
import type { AgentStore } from './store.ts';

/** What one person decided against the gate. Signed in the site's name; the name of the person stays at the site. */
export interface PeopleDecision {
  readonly wardround: 'people-decision/1';
  readonly site: SiteName;
  readonly release: { readonly version: ReleaseVersion; readonly digest: Digest };
  /** `override`: take a held release into use; one of two. `refuse`: do not, whatever the gate says. */
  readonly kind: 'override' | 'refuse';
  readonly role: string;
  readonly name: string;
  readonly reason: string;
  /** Of the decision it goes against. */
  readonly policy: Digest;
  readonly evidence: Digest;
  /** ISO date-time. */
  readonly at: string;
}

export interface RecordedDecision extends PeopleDecision {
  readonly sequence: number;
  /** Whether the signature is this site's over this very record. */
  readonly signed: boolean;
}

export interface Statement {
  readonly role: string;
  readonly name: string;
  readonly reason: string;
}

export interface OverrideOutcome {
  /** `waiting`: a second person in another role must decide the same. */
  readonly state: 'waiting' | 'in_use';
  /** Roles that have decided so far. */
  readonly roles: readonly string[];
  /** Roles of which one is still needed; empty when in use. */
  readonly stillNeeded: readonly string[];
}

export interface PeopleDecisions {
  /**
   * Records that a person wants a held release in use. The second person, in another role, puts it in use.
   * A decision is about one judgement: after a later one both are needed anew.
   * @throws AgentError `unknown_model`, `not_on_hold`, `override_forbidden`, `override_role`, `override_same_person`
   */
  override(version: ReleaseVersion, statement: Statement): OverrideOutcome;
  /** A person is always allowed to be stricter. @throws AgentError `unknown_model`, `not_on_hold` */
  refuse(version: ReleaseVersion, statement: Statement): void;
  list(): readonly RecordedDecision[];
}

export interface PeopleDecisionParts {
  readonly store: AgentStore;
  readonly registry: ModelRegistry;
  readonly plans: PlanBook;
  readonly site: SiteName;
  readonly signer: SiteSigner;
  readonly clock: Clock;
}

const longest = { role: 100, name: 200, reason: 2000 } as const;

/** Characters that are not seen, and would make two names of one. */
const unseen = /[\p{C}\p{Default_Ignorable_Code_Point}]/u;

/** People are told apart by their names, however spaced and capitalised. */
function personKey(name: string): string {
  return name.normalize('NFKC').trim().replaceAll(/\s+/g, ' ').toLowerCase();
}

function checkStatement(statement: Statement): Statement {
  const checked = {
    role: statement.role.trim(),
    name: statement.name.trim().replaceAll(/\s+/g, ' '),
    reason: statement.reason.trim(),
  };
  for (const field of ['role', 'name', 'reason'] as const) {
    const value = checked[field];
    if (
      value.length === 0 ||
      value.length > longest[field] ||
      (field === 'reason' ? isUnfit(value) : unseen.test(value))
    ) {
      throw new AgentError(
        'override_role',
        `--${field}: must be 1 to ${longest[field]} printable characters, found ${JSON.stringify(value.slice(0, 40))}.`,
        { field },
      );
    }
  }
  return checked;
}

export function createPeopleDecisions(parts: PeopleDecisionParts): PeopleDecisions {
  const { store, registry, plans, site, signer, clock } = parts;

  const heldRelease = (version: ReleaseVersion) => {
    const release = registry.find(version);
    if (release === null) throw new AgentError('unknown_model', `Release ${version} is not at this site.`, { version });
    const last = registry.judgementOf(version);
    if (!waits(release) || last === null) {
      throw new AgentError(
        'not_on_hold',
        `${version} is ${release.slot === 'active' ? 'in use' : (release.decision ?? 'not judged yet')}, not on hold.`,
        { version },
      );
    }
    const plan = plans.load(release.plan);
    if (plan === null) throw new AgentError('unknown_plan', undefined, { plan: release.plan });
    const policy = plans.signedPolicy(plan);
    if (endedHold(policy, last, release.heldSinceMs, clock.now()) !== null) {
      throw new AgentError('not_on_hold', `The hold of ${version} has ended: it is rejected.`, { version });
    }
    return { release, last, policy };
  };

  const write = (record: PeopleDecision): void => {
    const text = canonicalJson(record);
    store.run(
      'insert into people_decisions (version, kind, evidence, record, signature, at_ms) values (?, ?, ?, ?, ?, ?)',
      record.release.version,
      record.kind,
      record.evidence,
      text,
      JSON.stringify(signer.sign(text)),
      clock.now(),
    );
  };

  const list = (): RecordedDecision[] =>
    store
      .all<{ sequence: number; record: string; signature: string; atMs: number }>(
        'select sequence, record, signature, at_ms as "atMs" from people_decisions order by sequence',
      )
      .map(({ sequence, record, signature, atMs }) => ({
        ...(JSON.parse(record) as PeopleDecision),
        sequence,
        signed: signer.verify(record, JSON.parse(signature) as SiteSignature, atMs),
      }));

  const checkRole = (policy: Policy, version: ReleaseVersion, role: string): void => {
    const { roles } = policy.override;
    if (new Set(roles).size < 2) {
      throw new AgentError(
        'override_forbidden',
        `The policy names ${roles.length === 0 ? 'no role' : 'only one role'} that may override: ${version} stays on hold.`,
        { version },
      );
    }
    if (!roles.includes(role)) {
      throw new AgentError('override_role', `The policy lets these roles override: ${roles.join(', ')}; not ${role}.`, {
        role,
      });
    }
  };

  return {
    override: (version, given) =>
      store.transaction(() => {
        const statement = checkStatement(given);
        const { release, last, policy } = heldRelease(version);
        checkRole(policy, version, statement.role);
        const { evidence } = last.decision;
        const earlier = list().filter(
          (other) =>
            other.kind === 'override' &&
            other.signed &&
            other.evidence === evidence &&
            policy.override.roles.includes(other.role) &&
            other.release.digest === release.digest,
        );
        const other = earlier.find(({ role }) => role !== statement.role);
        const samePerson = earlier.find(({ name }) => personKey(name) === personKey(statement.name));
        if (samePerson !== undefined) {
          throw new AgentError(
            'override_same_person',
            `${statement.name} has decided as ${samePerson.role} already; the other must be somebody else in another role.`,
            { version },
          );
        }
        if (other === undefined && earlier.length > 0) {
          throw new AgentError(
            'override_same_person',
            `Somebody has decided as ${statement.role} already; the other must act in another role: ${policy.override.roles.filter((role) => role !== statement.role).join(', ')}.`,
            { version },
          );
        }
        write({
          wardround: 'people-decision/1',
          site,
          release: { version, digest: release.digest },
          kind: 'override',
          ...statement,
          policy: last.decision.policy,
          evidence,
          at: new Date(clock.now()).toISOString(),
        });
        if (other === undefined) {
          return {
            state: 'waiting',
            roles: [statement.role],
            stillNeeded: policy.override.roles.filter((role) => role !== statement.role),
          };
        }
        registry.override(version, clock.now());
        return { state: 'in_use', roles: [other.role, statement.role], stillNeeded: [] };
      }),
    refuse: (version, given) =>
      store.transaction(() => {
        const statement = checkStatement(given);
        const { release, last } = heldRelease(version);
        write({
          wardround: 'people-decision/1',
          site,
          release: { version, digest: release.digest },
          kind: 'refuse',
          ...statement,
          policy: last.decision.policy,
          evidence: last.decision.evidence,
          at: new Date(clock.now()).toISOString(),
        });
        registry.refuse(version, clock.now());
      }),
    list,
  };
}
