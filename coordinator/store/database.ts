import type { ColumnType, Generated } from 'kysely';
import type { SiteTables } from '../sites/tables.ts';

/** A row that is written once and never changed. */
type Fixed<Type> = ColumnType<Type, Type, never>;

/** Which migrations this database has been through. */
export interface MigrationTable {
  id: Fixed<number>;
  name: Fixed<string>;
  applied_ms: Fixed<number>;
}

/** Canonical JSON of every plan that was ever run, by digest. */
export interface PlanTable {
  digest: Fixed<string>;
  name: Fixed<string>;
  canonical: Fixed<string>;
  created_ms: Fixed<number>;
}

export interface RunTable {
  /** Order of creation; also what run and release counters grow from. */
  ordinal: Generated<number>;
  run: Fixed<string>;
  plan: Fixed<string>;
  plan_name: Fixed<string>;
  created_ms: Fixed<number>;
}

/** Append-only: everything that happened to a run. The state of a run is these events, replayed. */
export interface RunEventTable {
  run: Fixed<string>;
  sequence: Fixed<number>;
  time_ms: Fixed<number>;
  kind: Fixed<string>;
  /** JSON of the event. */
  body: Fixed<string>;
}

/** The answer given to each submission, so that a repeat is answered alike and counted once. */
export interface SubmissionTable {
  task: Fixed<string>;
  /** SHA-256 of the canonical JSON of what was submitted. */
  digest: Fixed<string>;
  run: Fixed<string>;
  round: Fixed<number>;
  site: Fixed<string>;
  kind: Fixed<'summary' | 'update' | 'judgement'>;
  /** JSON: the summary, the update's header or what is shared of the judgement. */
  body: Fixed<string>;
  outcome: Fixed<'accepted' | 'refused'>;
  code: Fixed<string | null>;
  reason: Fixed<string | null>;
  received_ms: Fixed<number>;
}

/** Objects a site may read: weights, preprocessing, files of releases. Nothing a site sent is among them. */
export interface PublishedObjectTable {
  digest: Fixed<string>;
  run: Fixed<string>;
  bytes: Fixed<number>;
}

/** Objects each site has begun or finished to send. */
export interface UploadTable {
  site: Fixed<string>;
  digest: Fixed<string>;
  bytes: Fixed<number>;
  begun_ms: number;
  completed_ms: number | null;
}

/** Bytes moved for a round, counted where they were moved. */
export interface TrafficTable {
  run: Fixed<string>;
  round: Fixed<number>;
  bytes_up: number;
  bytes_down: number;
}

export interface ReleaseTable {
  version: Fixed<string>;
  run: Fixed<string>;
  plan: Fixed<string>;
  plan_name: Fixed<string>;
  number: Fixed<number>;
  created_ms: Fixed<number>;
  /** Null until the package has been built and signed. */
  digest: string | null;
  /** Canonical JSON of manifest and signature: the very bytes of the two objects. */
  manifest: string | null;
  signature: string | null;
}

/** What sites told of the state of released models, in the order it came. */
export interface NoticeTable {
  ordinal: Generated<number>;
  /** SHA-256 of the canonical JSON; with the site it tells a repeat. */
  digest: Fixed<string>;
  site: Fixed<string>;
  release: Fixed<string>;
  body: Fixed<string>;
  received_ms: Fixed<number>;
}

/** Append-only and chained: each entry holds the hash of the one before it. */
export interface AuditTable {
  sequence: Fixed<number>;
  time_ms: Fixed<number>;
  event: Fixed<string>;
  actor: Fixed<string | null>;
  details: Fixed<string>;
  previous: Fixed<string>;
  hash: Fixed<string>;
}

/** Every table of the coordinator's database. */
export interface Database extends SiteTables {
  schema_migrations: MigrationTable;
  plans: PlanTable;
  runs: RunTable;
  run_events: RunEventTable;
  submissions: SubmissionTable;
  published_objects: PublishedObjectTable;
  uploads: UploadTable;
  traffic: TrafficTable;
  releases: ReleaseTable;
  notices: NoticeTable;
  audit: AuditTable;
}
