import type { Kysely } from 'kysely';
import type { Runner } from '../rounds/runner.ts';
import type { RunState } from '../rounds/state.ts';
import type { Database } from './database.ts';
import type { ObjectStore } from './object-store.ts';
import type { Uploads } from './uploads.ts';

const hourMs = 3_600_000;
/** An upload that stopped may go on for this long. */
const uploadLifeMs = 24 * hourMs;

/** What a run still needs of what its sites sent: the answers of the round under way. */
function answersInUse(state: RunState): readonly string[] {
  const current =
    state.tag === 'round'
      ? state.current
      : state.tag === 'paused' && state.resume.tag === 'round'
        ? state.resume.current
        : null;
  if (current === null || current.phase === 'planned') return [];
  if (current.phase === 'folding') return current.updates.map(({ object }) => object.digest);
  return current.answers.flatMap((answer) => (answer.kind === 'accepted' ? [answer.object.digest] : []));
}

/**
 * Removes objects no one needs. Kept are: what was published (weights, preprocessing, releases), the answers of rounds under
 * way, and uploads of the last day that were not folded yet. A site's delta is gone soon after it was folded: its digest stays in the events and the card.
 */
export async function sweepObjects(needs: {
  readonly db: Kysely<Database>;
  readonly objects: ObjectStore;
  readonly uploads: Uploads;
  readonly runs: readonly Runner[];
  readonly nowMs: number;
}): Promise<number> {
  const { db, objects, uploads, runs, nowMs } = needs;
  const keep = new Set<string>(runs.flatMap((runner) => answersInUse(runner.state())));
  for (const { digest } of await db.selectFrom('published_objects').select('digest').execute()) keep.add(digest);
  const recent = await db
    .selectFrom('uploads')
    .select('digest')
    .where('begun_ms', '>=', nowMs - uploadLifeMs)
    .execute();
  const folded = new Set<string>(
    runs.flatMap((runner) =>
      runner.state().rounds.flatMap(({ updates }) => updates.map(({ object }) => object.digest)),
    ),
  );
  for (const { digest } of recent) if (!folded.has(digest)) keep.add(digest);
  const removed = (await objects.sweep(keep, nowMs - hourMs)) + (await uploads.sweep(nowMs - uploadLifeMs));
  await db
    .deleteFrom('uploads')
    .where('begun_ms', '<', nowMs - uploadLifeMs)
    .execute();
  return removed;
}
