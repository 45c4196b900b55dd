import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditLog, openAuditLog } from '../../coordinator/audit/audit-log.ts';
import { type Coordinator, type CoordinatorSettings, createCoordinator } from '../../coordinator/coordinator.ts';
import type { ReleaseKey } from '../../coordinator/releases/build-release.ts';
import type { SiteRecord } from '../../coordinator/sites/site-book.ts';
import { type ObjectStore, openObjectStore } from '../../coordinator/store/object-store.ts';
import { openStore, type Store } from '../../coordinator/store/open-store.ts';
import { modelTensors } from '../../shared/graph/families.ts';
import { parseCanonicalPlan } from '../../shared/plan/load-plan.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, RunId, SiteName } from '../../shared/runtime/ids.ts';
import { type Logger, silentLogger } from '../../shared/runtime/logger.ts';
import { createQueue } from '../../shared/runtime/queue.ts';
import { randomStream } from '../../shared/runtime/random.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { namedTensors } from '../../shared/tensors/checks.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import type {
  CoordinatorMessage,
  JudgeOffer,
  ObjectRef,
  Receipt,
  SiteMessage,
  TaskOffer,
  TrainOffer,
  UpdateHeader,
} from '../../shared/wire/messages.ts';
import type { OperatorPort, RunView } from '../../shared/wire/operator-port.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { createTestAuthority } from './authority.ts';
import { emptySharedEvidence, sharedJudgement } from './shared-judgements.ts';

/** Sites by name, kept in memory; does what the coordinator asks of a site book, without certificates. */
export function memorySiteBook(names: readonly string[]) {
  const records = new Map<string, SiteRecord>(
    names.map((name) => [
      name,
      { site: name as SiteName, status: 'enrolled', certificateExpiresMs: null, revokedReason: null },
    ]),
  );
  const listeners = new Set<(serials: readonly string[]) => void>();
  const show = async (site: string): Promise<SiteRecord> => {
    const record = records.get(site);
    if (record === undefined) throw new WireError('not_found');
    return record;
  };
  const change = async (site: string, status: SiteRecord['status']): Promise<SiteRecord> => {
    const record = { ...(await show(site)), status };
    records.set(site, record);
    return record;
  };
  return {
    show,
    list: async () => [...records.values()].sort((left, right) => (left.site < right.site ? -1 : 1)),
    async invite(site: string) {
      records.set(site, {
        site: site as SiteName,
        status: 'invited',
        certificateExpiresMs: null,
        revokedReason: null,
      });
      return { token: `token-of-${site}`, expiresMs: 0 };
    },
    async revoke(site: string) {
      const record = await change(site, 'revoked');
      for (const listener of [...listeners]) listener([serialOf(site)]);
      return record;
    },
    readmit: (site: string) => change(site, 'invited'),
    enrol: (site: string) => change(site, 'enrolled'),
    renew: async () => [],
    onRevoked(listener: (serials: readonly string[]) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export type MemorySiteBook = ReturnType<typeof memorySiteBook>;

function serialOf(site: string): string {
  return Buffer.from(site).toString('hex').toUpperCase();
}

let testKey: Promise<{ readonly key: ReleaseKey; readonly rootPem: string }> | null = null;

/** One release key for all tests of a file: making keys takes time. */
export function testReleaseKey(): Promise<{ readonly key: ReleaseKey; readonly rootPem: string }> {
  testKey ??= (async () => {
    const authority = await createTestAuthority();
    const release = await authority.release();
    return { key: { privateKeyPem: release.keyPem, chain: release.chain }, rootPem: authority.rootPem };
  })();
  return testKey;
}

/** A coordinator over a folder; opening it again over the same folder is what a restart is. */
export interface Core {
  readonly coordinator: Coordinator;
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly audit: AuditLog;
  readonly operator: OperatorPort;
  site(name: string): FederationPort;
  stop(): Promise<void>;
}

export async function openCore(
  folder: string,
  siteBook: MemorySiteBook,
  options: { readonly clock?: Clock; readonly config?: CoordinatorSettings; readonly log?: Logger } = {},
): Promise<Core> {
  const clock = options.clock ?? systemClock;
  const store = await openStore(join(folder, 'state', 'wardround.sqlite'));
  const objects = openObjectStore(join(folder, 'state', 'objects'));
  const audit = await openAuditLog({ db: store.db, clock, log: silentLogger });
  const coordinator = createCoordinator({
    store,
    objects,
    siteBook,
    releaseKey: (await testReleaseKey()).key,
    clock,
    log: options.log ?? silentLogger,
    audit,
    config: { settleMs: 50, retryDelayMs: 10, heartbeatMs: 1_000, ...options.config },
  });
  await coordinator.start();
  return {
    coordinator,
    store,
    objects,
    audit,
    operator: coordinator.operator({ role: 'operator', name: 'anna', serial: '01' }),
    site: (name) => coordinator.federation({ role: 'site', site: name as SiteName, serial: serialOf(name) }),
    async stop() {
      await coordinator.stop();
      await store.close();
    },
  };
}

export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-core-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A summary that fits the plan: `rows` rows, spread over the first two bins of each column. */
export function summaryFor(plan: Plan, digest: Digest, rows: number): SiteSummary {
  const half = Math.floor(rows / 2);
  const cells = (bins: number): number[] =>
    Array.from({ length: bins }, (_, bin) => (bin === 0 ? half : bin === 1 ? rows - half : 0));
  return {
    wardround: 'summary/1',
    plan: digest,
    rows,
    labelCounts: 'levels' in plan.data.label ? cells(plan.data.label.levels.length) : null,
    columns: plan.data.columns.map((column) => {
      if (column.kind === 'categorical') {
        return { name: column.name, sums: null, counts: cells(column.levels.length + 1) };
      }
      const mean = (column.range[0] + column.range[1]) / 2;
      return {
        name: column.name,
        sums: { count: rows, sum: rows * mean, sumOfSquares: rows * (mean * mean + 1) },
        counts: cells(column.edges.length + 2),
      };
    }),
  };
}

/** The delta a fake site always gives for a base: small, and different for each site and base. */
export function deltaFor(plan: Plan, site: string, base: string): Uint8Array {
  const stream = randomStream(1, site, base);
  return encodeSafetensors(
    namedTensors(
      modelTensors(plan).map(({ name, shape }) => {
        const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.1 * stream.normal());
        return [name, { shape, data }] as const;
      }),
    ),
  );
}

export function judgementFor(
  site: string,
  offer: JudgeOffer,
  decision: 'accept' | 'hold' | 'reject',
  minimum = 5,
): SharedJudgement {
  return sharedJudgement(
    emptySharedEvidence(site, {
      plan: offer.plan,
      release: { version: offer.release.version, digest: offer.release.digest },
    }),
    {
      decision: {
        decision,
        reasons: [{ code: decision === 'accept' ? 'passed.all' : 'evidence.no_rows', text: 'As the test asked.' }],
      },
      cells: { minimum },
    },
  );
}

export async function* chunksOf(bytes: Uint8Array, size = 1024 * 1024): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

export function refOf(bytes: Uint8Array): ObjectRef {
  return { digest: digestOf(bytes), bytes: bytes.byteLength };
}

export interface FakeSiteOptions {
  readonly rows?: number;
  readonly decision?: 'accept' | 'hold' | 'reject';
  readonly approves?: (plan: Digest) => boolean;
  /** Stands in for the site's answer to a task; returns false to go on as usual. */
  readonly instead?: (offer: TaskOffer, port: FederationPort, site: FakeSite) => Promise<boolean>;
}

/** A whole site over a port in memory: attends, approves, summarises, gives a delta, judges. */
export interface FakeSite {
  readonly name: string;
  readonly offers: readonly TaskOffer[];
  readonly messages: readonly CoordinatorMessage[];
  readonly receipts: readonly { readonly task: string; readonly receipt: Receipt }[];
  header(offer: TrainOffer, plan: Plan, delta: Uint8Array): UpdateHeader;
  send(delta: Uint8Array): Promise<ObjectRef>;
  leave(): Promise<void>;
}

export function fakeSite(name: string, port: FederationPort, options: FakeSiteOptions = {}): FakeSite {
  const rows = options.rows ?? 200;
  const abort = new AbortController();
  const outbox = createQueue<SiteMessage>(1_000);
  const offers: TaskOffer[] = [];
  const messages: CoordinatorMessage[] = [];
  const receipts: { task: string; receipt: Receipt }[] = [];
  const approved = new Set<Digest>();
  const working = new Set<Promise<void>>();

  const planOf = async (digest: Digest): Promise<Plan> => parseCanonicalPlan(await port.readPlan(digest), digest).plan;
  const site: FakeSite = {
    name,
    offers,
    messages,
    receipts,
    header(offer, plan, delta) {
      return {
        task: offer.id,
        run: offer.run,
        round: offer.round,
        plan: offer.plan,
        base: offer.base.digest,
        delta: refOf(delta),
        examples: rows,
        weight: Math.min(rows, plan.federation.weightCap),
        metrics: { lossLast: 1 / rows },
      };
    },
    async send(delta) {
      const object = refOf(delta);
      const offset = await port.uploadOffset(object);
      if (offset < object.bytes) await port.writeObject(object, offset, chunksOf(delta.subarray(offset)));
      return object;
    },
    async leave() {
      abort.abort(new Error('leaves'));
      outbox.end();
      await reading;
      await Promise.all(working);
    },
  };
  const answer = async (offer: TaskOffer): Promise<Receipt> => {
    const plan = await planOf(offer.plan);
    switch (offer.kind) {
      case 'summary':
        return port.submitSummary(offer.id, summaryFor(plan, offer.plan, rows));
      case 'train': {
        await collect(port.readObject(offer.base.digest, 0));
        const delta = deltaFor(plan, name, offer.base.digest);
        await site.send(delta);
        return port.submitUpdate(site.header(offer, plan, delta));
      }
      case 'judge':
        return port.submitJudgement(offer.id, judgementFor(name, offer, options.decision ?? 'accept'));
    }
  };
  const work = async (offer: TaskOffer): Promise<void> => {
    if ((await options.instead?.(offer, port, site)) === true) return;
    receipts.push({ task: offer.id, receipt: await answer(offer) });
  };
  outbox.push({ kind: 'hello', software: 'fake 1', heartbeatMs: 60_000, approvedPlans: [] });
  const reading = (async () => {
    try {
      for await (const message of port.attend(outbox, abort.signal)) {
        messages.push(message);
        if (message.kind === 'plan' && (options.approves?.(message.plan) ?? true)) {
          approved.add(message.plan);
          outbox.push({ kind: 'approvals', approvedPlans: [...approved] });
        } else if (message.kind === 'task') {
          offers.push(message.task);
          const task = work(message.task)
            // What fails because the coordinator or the test has stopped is not the site's to mend.
            .catch((error: unknown) => {
              if (!(error instanceof Error)) throw error;
            })
            .finally(() => working.delete(task));
          working.add(task);
        }
      }
    } catch (error) {
      if (!abort.signal.aborted && !(error instanceof WireError)) throw error;
    }
  })();
  return site;
}

/** The first view of the run that satisfies the condition. */
export async function viewWhere(
  operator: OperatorPort,
  run: RunId,
  condition: (view: RunView) => boolean,
  withinMs = 50_000,
): Promise<RunView> {
  const signal = AbortSignal.timeout(withinMs);
  let last: RunView | null = null;
  for await (const view of operator.watchRun(run, signal)) {
    last = view;
    if (condition(view)) return view;
  }
  throw new Error(`no such view of ${run}; the last was ${JSON.stringify(last)}`);
}
