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
];
