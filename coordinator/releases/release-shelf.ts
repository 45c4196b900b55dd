import type { Kysely, Selectable } from 'kysely';
import type { ModelNotice } from '../../shared/plan/notice.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, RunId, SiteName } from '../../shared/runtime/ids.ts';
import type { ObjectRef, ReleaseManifest, ReleaseSignature } from '../../shared/wire/messages.ts';
import type { ReleaseDecision, ReleaseNotice } from '../../shared/wire/operator-port.ts';
import type { Database, ReleaseTable } from '../store/database.ts';

/** A release that is out. */
export interface ShelvedRelease {
  readonly version: ReleaseVersion;
  readonly digest: Digest;
  readonly run: RunId;
  readonly plan: Digest;
  readonly createdMs: number;
  readonly manifest: ReleaseManifest;
  readonly manifestObject: ObjectRef;
  readonly signature: ReleaseSignature;
  readonly signatureObject: ObjectRef;
}

/** Released packages and what the sites decided about them. */
export interface ReleaseShelf {
  list(): Promise<readonly ShelvedRelease[]>;
  find(version: string): Promise<ShelvedRelease | null>;
  findByDigest(digest: Digest): Promise<ShelvedRelease | null>;
  /** Number of the plan name's next release. */
  nextNumber(planName: string): Promise<number>;
  /** Judgements taken for the release of a run, by site; the last one of each. */
  decisions(run: RunId): Promise<readonly ReleaseDecision[]>;
  /** What sites told of the state of its model, oldest first. */
  notices(version: ReleaseVersion): Promise<readonly ReleaseNotice[]>;
}

function shelved(row: Selectable<ReleaseTable>): ShelvedRelease | null {
  if (row.digest === null || row.manifest === null || row.signature === null) return null;
  return {
    version: row.version as ReleaseVersion,
    digest: row.digest as Digest,
    run: row.run as RunId,
    plan: row.plan as Digest,
    createdMs: row.created_ms,
    manifest: JSON.parse(row.manifest) as ReleaseManifest,
    manifestObject: { digest: row.digest as Digest, bytes: Buffer.byteLength(row.manifest) },
    signature: JSON.parse(row.signature) as ReleaseSignature,
    signatureObject: { digest: digestOf(row.signature), bytes: Buffer.byteLength(row.signature) },
  };
}

export function createReleaseShelf(db: Kysely<Database>): ReleaseShelf {
  const one = async (column: 'version' | 'digest', value: string): Promise<ShelvedRelease | null> => {
    const row = await db.selectFrom('releases').selectAll().where(column, '=', value).executeTakeFirst();
    return row === undefined ? null : shelved(row);
  };
  return {
    async list() {
      const rows = await db.selectFrom('releases').selectAll().orderBy('plan_name').orderBy('number').execute();
      return rows.flatMap((row) => shelved(row) ?? []);
    },
    find: (version) => one('version', version),
    findByDigest: (digest) => one('digest', digest),
    async nextNumber(planName) {
      const row = await db
        .selectFrom('releases')
        .select(({ fn }) => fn.max('number').as('newest'))
        .where('plan_name', '=', planName)
        .executeTakeFirst();
      return (row?.newest ?? 0) + 1;
    },
    async decisions(run) {
      const rows = await db
        .selectFrom('submissions')
        .select(['site', 'body', 'received_ms'])
        .where('run', '=', run)
        .where('kind', '=', 'judgement')
        .where('outcome', '=', 'accepted')
        .orderBy('site')
        .orderBy('received_ms')
        .execute();
      const last = new Map<SiteName, ReleaseDecision>();
      for (const row of rows) {
        const site = row.site as SiteName;
        const judgement = JSON.parse(row.body) as SharedJudgement;
        // A site that held a release has a later word on it.
        last.set(site, { site, decision: judgement.decision.decision, receivedMs: row.received_ms, judgement });
      }
      return [...last.values()];
    },
    async notices(version) {
      const rows = await db
        .selectFrom('notices')
        .select(['site', 'body', 'received_ms'])
        .where('release', '=', version)
        .orderBy('ordinal')
        .execute();
      return rows.map(({ site, body, received_ms }) => ({
        site: site as SiteName,
        receivedMs: received_ms,
        notice: JSON.parse(body) as ModelNotice,
      }));
    },
  };
}
