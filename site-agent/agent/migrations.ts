/** One step of the schema; step n takes a database of version n - 1 to version n. Steps that were released never change. */
export const migrations: readonly string[] = [
  `
  create table plans (
    digest text primary key,
    name text not null,
    canonical text not null,
    received_ms integer not null
  );
  create table plan_runs (
    run text primary key,
    plan text not null,
    seen_ms integer not null
  );
  create table approvals (
    plan text primary key,
    record text not null,
    policy text not null,
    signature text not null,
    approved_ms integer not null
  );
  create table tasks (
    id text primary key,
    run text not null,
    round integer not null,
    kind text not null check (kind in ('summary', 'train', 'judge')),
    plan text not null,
    state text not null check (state in ('working', 'ready', 'answered', 'declined')),
    base text,
    payload text,
    receipt text,
    updated_ms integer not null
  );
  create table ledger (
    sequence integer primary key autoincrement,
    started_ms integer not null,
    finished_ms integer,
    what text not null,
    recipient text not null,
    task text not null,
    run text not null,
    round integer not null,
    digest text not null,
    bytes integer not null,
    bytes_sent integer,
    outcome text not null,
    code text
  );
  create table releases (
    version text primary key,
    model text not null,
    digest text not null,
    plan text not null,
    received_ms integer not null,
    decision text,
    decided_ms integer,
    judgement text
  );
  create table slots (
    model text not null,
    slot text not null check (slot in ('candidate', 'active', 'previous')),
    version text not null references releases (version),
    since_ms integer not null,
    primary key (model, slot)
  );
  create table model_events (
    sequence integer primary key autoincrement,
    at_ms integer not null,
    model text not null,
    event text not null,
    version text not null,
    from_version text
  );
  `,
  `
  create table predictions (
    sequence integer primary key autoincrement,
    version text not null references releases (version),
    digest text not null,
    patient text not null,
    time_ms integer,
    probability real not null,
    scored_ms integer not null,
    shown integer not null check (shown in (0, 1)),
    role text not null check (role in ('reference', 'new', 'excluded')),
    subgroups text not null
  );
  create unique index predictions_row on predictions (digest, patient, ifnull(time_ms, 'none'));
  create index predictions_patient on predictions (patient, ifnull(time_ms, 'none'));
  create table outcomes (
    sequence integer primary key autoincrement,
    outcome_of text not null,
    patient text not null,
    time_ms integer,
    outcome real not null,
    known_ms integer not null,
    altered integer not null check (altered in (0, 1))
  );
  create unique index outcomes_row on outcomes (outcome_of, patient, ifnull(time_ms, 'none'));
  create table monitors (
    digest text primary key,
    version text not null references releases (version),
    baseline text not null,
    state text not null,
    made_ms integer not null
  );
  create table model_states (
    version text primary key references releases (version),
    model text not null,
    digest text not null,
    state text not null check (state in ('shadow', 'active', 'watched', 'revalidating', 'rolled_back', 'withdrawn')),
    since_ms integer not null,
    reasons text not null
  );
  create table model_notices (
    sequence integer primary key autoincrement,
    notice text not null,
    created_ms integer not null,
    sent_ms integer
  );
  create table revalidations (
    sequence integer primary key autoincrement,
    version text not null references releases (version),
    wanted_ms integer not null,
    signals text not null,
    finished_ms integer,
    decision text
  );
  create unique index revalidations_open on revalidations (version) where finished_ms is null;
  create table scoring_runs (
    sequence integer primary key autoincrement,
    started_ms integer not null,
    finished_ms integer not null,
    source text not null,
    counts text not null
  );
  `,
  // A local variant is a model of this site's own, made of the release `parent` by a step of the ladder.
  `
  alter table releases add column parent text references releases (version);
  alter table releases add column step text;
  `,
  // What people decided against the gate's decision, each signed in the site's name; none is ever changed or removed.
  `
  create table people_decisions (
    sequence integer primary key autoincrement,
    version text not null references releases (version),
    kind text not null check (kind in ('override', 'refuse')),
    evidence text not null,
    record text not null,
    signature text not null,
    at_ms integer not null
  );
  `,
  // What left this site under each plan, whole, so that what leaves next is checked with it; and the exact counts of the last judgement of a
  // release, which stay. `source`: digest of what it was made from.
  `
  create table shared_records (
    sequence integer primary key autoincrement,
    plan text not null,
    kind text not null check (kind in ('summary', 'judgement')),
    task text not null,
    source text not null,
    body text not null,
    made_ms integer not null,
    unique (task, source)
  );
  create index shared_records_of_plan on shared_records (plan, sequence);
  create table judged_cells (
    release text primary key,
    cells text not null,
    counted_ms integer not null
  );
  alter table ledger add column detail text;
  `,
  // How far the training of a task is, for people who look: rounds go on from their checkpoints, not from this.
  `
  alter table tasks add column progress text;
  `,
  // Which preprocessing the rounds of a plan use, so that a dry run can use it too.
  `
  alter table tasks add column preprocessing text;
  `,
  // Which tasks are worked on, for people who look: one that was withdrawn is not done, and nobody is at it.
  `
  alter table tasks add column under_way integer not null default 0;
  `,
];
