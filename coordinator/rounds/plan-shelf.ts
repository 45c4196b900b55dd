import type { Kysely } from 'kysely';
import { type LoadedPlan, parseCanonicalPlan } from '../../shared/plan/load-plan.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { Database } from '../store/database.ts';

/** Plans that were ever run, by digest, kept parsed. */
export interface PlanShelf {
  /** @throws WireError `not_found` */
  get(digest: Digest): Promise<LoadedPlan>;
}

export function createPlanShelf(db: Kysely<Database>): PlanShelf {
  const parsed = new Map<Digest, LoadedPlan>();
  return {
    async get(digest) {
      const known = parsed.get(digest);
      if (known !== undefined) return known;
      const row = await db.selectFrom('plans').select('canonical').where('digest', '=', digest).executeTakeFirst();
      if (row === undefined) throw new WireError('not_found', `There is no plan ${digest}.`, { plan: digest });
      const plan = parseCanonicalPlan(new TextEncoder().encode(row.canonical), digest);
      parsed.set(digest, plan);
      return plan;
    },
  };
}
