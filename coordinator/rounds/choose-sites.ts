import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import { namedList } from '../../shared/wire/exclusion-text.ts';
import type { Exclusion } from '../../shared/wire/operator-port.ts';
import type { RunSpec } from './run-spec.ts';

export type Choice =
  | { readonly kind: 'open'; readonly sites: readonly SiteName[]; readonly absent: readonly Exclusion[] }
  | {
      readonly kind: 'wait';
      /** When to look again even if nobody comes; null to look only then. */
      readonly untilMs: number | null;
      /** One sentence that names who is missing. */
      readonly reason: string;
      /** Since when the minimum has been here; to be passed in again. */
      readonly enoughSinceMs: number | null;
    };

/**
 * Which sites a round opens with: every enrolled site that attends and has approved the plan. It opens at once when the target
 * number, or every enrolled site, is here; with fewer, but the minimum, after a settling time. Sites left out are named.
 */
export function chooseSites(input: {
  readonly spec: RunSpec;
  readonly plan: Digest;
  /** Enrolled sites. */
  readonly members: readonly SiteName[];
  readonly attending: ReadonlyMap<SiteName, { readonly approvedPlans: ReadonlySet<Digest> }>;
  readonly nowMs: number;
  readonly notBeforeMs: number;
  readonly enoughSinceMs: number | null;
}): Choice {
  const { spec, plan, attending, nowMs, notBeforeMs } = input;
  const members = [...input.members].sort();
  const absent: Exclusion[] = [];
  const sites: SiteName[] = [];
  for (const site of members) {
    const session = attending.get(site);
    if (session === undefined) absent.push({ site, reason: 'not_connected', detail: null });
    else if (!session.approvedPlans.has(plan)) absent.push({ site, reason: 'plan_not_approved', detail: null });
    else sites.push(site);
  }
  const named = (reason: Exclusion['reason']): string[] =>
    absent.filter((other) => other.reason === reason).map(({ site }) => site);
  const who =
    `here: ${namedList(sites)}; not connected: ${namedList(named('not_connected'))}; ` +
    `plan not approved: ${namedList(named('plan_not_approved'))}.`;
  if (sites.length < spec.minimumSites) {
    return {
      kind: 'wait',
      untilMs: null,
      reason: `Waiting for sites: ${sites.length} of at least ${spec.minimumSites}; ${who}`,
      enoughSinceMs: null,
    };
  }
  const enoughSinceMs = input.enoughSinceMs ?? nowMs;
  const complete = sites.length >= spec.targetSites || absent.length === 0;
  const opensMs = Math.max(notBeforeMs, complete ? 0 : enoughSinceMs + spec.settleMs);
  if (nowMs >= opensMs) return { kind: 'open', sites, absent };
  return {
    kind: 'wait',
    untilMs: opensMs,
    reason: complete
      ? `Waiting before the round is tried again; ${who}`
      : `Waiting a short time for more sites: ${sites.length} of ${spec.targetSites}; ${who}`,
    enoughSinceMs,
  };
}
