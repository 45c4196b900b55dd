import { poolSummaries } from '../../shared/algorithms/federated-scaling.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Preprocessing, SiteSummary } from '../../shared/plan/preprocessing.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';
import type { AcceptedAnswer } from '../rounds/events.ts';
import type { ObjectStore } from '../store/object-store.ts';

async function readJson<T>(objects: ObjectStore, object: ObjectRef): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await objects.read(object.digest))) as T;
}

/**
 * The summaries of round 0 as one preprocessing object. A run that starts from a release keeps that release's means and
 * scales, for its weights were trained under them; the counts are the new ones.
 */
export async function poolRound(
  objects: ObjectStore,
  plan: LoadedPlan,
  updates: readonly AcceptedAnswer[],
  parent: ObjectRef | null,
): Promise<ObjectRef> {
  const summaries = new Map<SiteName, SiteSummary>();
  for (const { site, object } of updates) summaries.set(site, await readJson<SiteSummary>(objects, object));
  const pooled = poolSummaries(plan.plan, plan.digest, summaries);
  const kept = parent === null ? pooled : withScalesOf(pooled, await readJson<Preprocessing>(objects, parent));
  return objects.put(new TextEncoder().encode(canonicalJson(kept)));
}

function withScalesOf(pooled: Preprocessing, parent: Preprocessing): Preprocessing {
  const columns = pooled.columns.map((column) => {
    const former = parent.columns.find((other) => other.name === column.name);
    if (former === undefined) throw new Error(`the release this run starts from has no column ${column.name}`);
    const { estimatedFrom: _, ...own } = column;
    const { count, mean, scale, estimatedFrom } = former;
    return { ...own, count, mean, scale, ...(estimatedFrom === undefined ? {} : { estimatedFrom }) };
  });
  return { ...pooled, columns };
}
