import { createHash } from 'node:crypto';
import type { Audit, CoordinatorPorts, EnrolmentDesk, Membership } from '../../coordinator/service/ports.ts';
import type { ModelNotice } from '../../shared/plan/notice.ts';
import type { SiteSummary } from '../../shared/plan/preprocessing.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, RunId, SiteName, TaskId } from '../../shared/runtime/ids.ts';
import { createQueue, type Queue } from '../../shared/runtime/queue.ts';
import { untilAborted } from '../../shared/runtime/until-aborted.ts';
import type { FederationPort } from '../../shared/wire/federation-port.ts';
import type {
  CoordinatorMessage,
  ObjectRef,
  OperatorIdentity,
  Receipt,
  ReleaseSignature,
  SiteIdentity,
  SiteMessage,
  UpdateHeader,
} from '../../shared/wire/messages.ts';
import type { AuditEntry, OperatorPort, ReleaseView, RunView, SiteView } from '../../shared/wire/operator-port.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { TestCredentials } from './authority.ts';

interface Held {
  readonly ref: ObjectRef;
  readonly hash: ReturnType<typeof createHash>;
  readonly kept: Uint8Array[] | null;
  bytes: number;
}

/**
 * A coordinator without rounds: it keeps what it is sent and says what it was told to say. Every method of both ports
 * does its work, in memory; objects above 8 MiB are hashed and counted, not kept.
 */
export interface FakeCoordinator {
  readonly ports: CoordinatorPorts;
  readonly membership: Membership;
  readonly enrolment: EnrolmentDesk;
  readonly audit: Audit & {
    readonly entries: readonly { event: string; actor: string | null; details: Readonly<Record<string, unknown>> }[];
  };
  admit(
    credentials: TestCredentials,
    identity: { role: 'site'; site: string } | { role: 'operator'; name: string },
  ): void;
  revoke(serial: string): void;
  /** Says something to a site that attends. */
  say(site: string, message: CoordinatorMessage): void;
  readonly heard: { readonly site: string; readonly message: SiteMessage }[];
  /** Attending now. */
  readonly attending: Set<string>;
  readonly plans: Map<Digest, Uint8Array>;
  readonly objects: Map<Digest, Uint8Array>;
  /** Sizes of objects received whole. */
  readonly received: Map<Digest, number>;
  /** Owner of each task. */
  readonly tasks: Map<TaskId, SiteName>;
  readonly submissions: { readonly site: string; readonly kind: string; readonly value: unknown }[];
  readonly signatures: Map<Digest, ReleaseSignature>;
  readonly runs: Map<RunId, RunView>;
  readonly releases: Map<ReleaseVersion, ReleaseView>;
  readonly sites: Map<string, SiteView>;
  /** Tells watchers that a run changed. */
  changed(view: RunView): void;
  readonly tokens: Map<string, { readonly site: string; used: boolean }>;
}

const keepBelowBytes = 8 * 1024 * 1024;

export function createFakeCoordinator(issueChain: readonly string[] = ['chain'], root = 'root'): FakeCoordinator {
  const members = new Map<string, { identity: SiteIdentity | OperatorIdentity; sha256: string; revoked: boolean }>();
  const listeners = new Set<(serials: readonly string[]) => void>();
  const entries: { event: string; actor: string | null; details: Readonly<Record<string, unknown>> }[] = [];
  const streams = new Map<string, Queue<CoordinatorMessage>>();
  const partial = new Map<string, Held>();
  const watchers = new Set<Queue<RunView>>();
  const seen = new Map<string, string>();

  const fake: FakeCoordinator = {
    heard: [],
    attending: new Set(),
    plans: new Map(),
    objects: new Map(),
    received: new Map(),
    tasks: new Map(),
    submissions: [],
    signatures: new Map(),
    runs: new Map(),
    releases: new Map(),
    sites: new Map(),
    tokens: new Map(),
    audit: {
      entries,
      record: (event, actor, details) => {
        entries.push({ event, actor, details });
      },
    },
    membership: {
      check(serial) {
        const member = members.get(serial);
        if (member === undefined) return { status: 'unknown' };
        if (member.revoked) return { status: 'revoked', identity: member.identity };
        return { status: 'active', identity: member.identity, certificateSha256: member.sha256 };
      },
      onRevoked(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    enrolment: {
      async enrol({ secret, site }) {
        const token = fake.tokens.get(Buffer.from(secret).toString('hex'));
        if (token === undefined) throw new WireError('token_unknown');
        if (token.site !== site) throw new WireError('token_wrong_name');
        if (token.used) throw new WireError('token_used');
        token.used = true;
        return { certificateChain: issueChain, rootCertificate: root };
      },
    },
    admit(credentials, who) {
      const identity = { ...who, serial: credentials.serial } as SiteIdentity | OperatorIdentity;
      members.set(credentials.serial, { identity, sha256: credentials.sha256, revoked: false });
    },
    revoke(serial) {
      const member = members.get(serial);
      if (member !== undefined) member.revoked = true;
      for (const listener of listeners) listener([serial]);
    },
    say(site, message) {
      streams.get(site)?.push(message);
    },
    changed(view) {
      fake.runs.set(view.run, view);
      for (const watcher of watchers) watcher.push(view);
    },
    ports: {
      federation: (identity) => federation(identity),
      operator: () => operator,
    },
  };

  const read = async function* (digest: Digest, offset: number): AsyncGenerator<Uint8Array, void, void> {
    const bytes = fake.objects.get(digest);
    if (bytes === undefined) throw new WireError('not_found', `There is no object ${digest}.`);
    if (offset > bytes.byteLength) throw new WireError('offset_invalid');
    // Pieces of an awkward size, so that a transport must not count on whole chunks.
    for (let begin = offset; begin < bytes.byteLength; begin += 700_001) yield bytes.subarray(begin, begin + 700_001);
  };

  const submit = (site: SiteName, kind: string, task: TaskId, value: unknown): Receipt => {
    const owner = fake.tasks.get(task);
    if (owner === undefined) return { outcome: 'refused', code: 'unknown_task', reason: `There is no task ${task}.` };
    if (owner !== site) return { outcome: 'refused', code: 'wrong_site', reason: `Task ${task} is not this site's.` };
    const text = canonicalJson(value);
    if (seen.get(`${kind} ${task}`) === text) return { outcome: 'duplicate' };
    if (seen.has(`${kind} ${task}`)) return { outcome: 'refused', code: 'second_update', reason: 'Another was taken.' };
    seen.set(`${kind} ${task}`, text);
    fake.submissions.push({ site, kind, value });
    return { outcome: 'accepted' };
  };

  const federation = ({ site }: SiteIdentity): FederationPort => ({
    async *attend(messages, signal) {
      const out = createQueue<CoordinatorMessage>(100);
      streams.set(site, out);
      fake.attending.add(site);
      const hear = async (): Promise<void> => {
        for await (const message of messages) fake.heard.push({ site, message });
        out.end();
      };
      hear().catch((error: unknown) => out.fail(error));
      try {
        yield* untilAborted(out, signal);
      } finally {
        if (streams.get(site) === out) {
          streams.delete(site);
          fake.attending.delete(site);
        }
      }
    },
    async readPlan(plan) {
      const bytes = fake.plans.get(plan);
      if (bytes === undefined) throw new WireError('not_found', `There is no plan ${plan}.`);
      return bytes;
    },
    readObject: (digest, offset) => read(digest, offset),
    async readReleaseSignature(release) {
      const signature = fake.signatures.get(release);
      if (signature === undefined) throw new WireError('not_found', `There is no release ${release}.`);
      return signature;
    },
    async renewCertificate(request) {
      if (request.byteLength === 0) throw new WireError('request_invalid');
      return issueChain;
    },
    async uploadOffset(object) {
      if (fake.received.has(object.digest)) return object.bytes;
      return partial.get(`${site} ${object.digest}`)?.bytes ?? 0;
    },
    async writeObject(object, offset, chunks) {
      const key = `${site} ${object.digest}`;
      const held = partial.get(key) ?? {
        ref: object,
        hash: createHash('sha256'),
        kept: object.bytes <= keepBelowBytes ? [] : null,
        bytes: 0,
      };
      if (held.bytes !== offset) throw new WireError('offset_invalid', `${held.bytes} bytes are held.`);
      partial.set(key, held);
      for await (const chunk of chunks) {
        held.hash.update(chunk);
        held.kept?.push(Uint8Array.from(chunk));
        held.bytes += chunk.byteLength;
      }
      if (held.bytes < object.bytes) throw new WireError('truncated');
      partial.delete(key);
      if (held.hash.digest('hex') !== object.digest) throw new WireError('digest_mismatch');
      fake.received.set(object.digest, held.bytes);
      if (held.kept !== null) fake.objects.set(object.digest, Buffer.concat(held.kept));
    },
    submitSummary: async (task: TaskId, summary: SiteSummary) => submit(site, 'summary', task, summary),
    submitUpdate: async (update: UpdateHeader) => submit(site, 'update', update.task, update),
    submitJudgement: async (task: TaskId, judgement: SharedJudgement) => submit(site, 'judgement', task, judgement),
    async submitNotice(notice: ModelNotice) {
      if (notice.site !== site)
        return { outcome: 'refused', code: 'wrong_site', reason: "The notice is another site's." };
      const text = JSON.stringify(notice);
      if (seen.has(`notice ${text}`)) return { outcome: 'duplicate' };
      seen.set(`notice ${text}`, text);
      fake.submissions.push({ site, kind: 'notice', value: notice });
      return { outcome: 'accepted' };
    },
    async decline(task, reason, text) {
      if (fake.tasks.get(task) !== site) throw new WireError('not_found', `There is no task ${task}.`);
      fake.submissions.push({ site, kind: 'decline', value: { task, reason, text } });
    },
  });

  const runOf = (run: RunId): RunView => {
    const view = fake.runs.get(run);
    if (view === undefined) throw new WireError('not_found', `There is no run ${run}.`);
    return view;
  };
  const siteOf = (site: string): SiteView => {
    const view = fake.sites.get(site);
    if (view === undefined) throw new WireError('not_found', `There is no site ${site}.`);
    return view;
  };
  const move = (run: RunId, status: RunView['status']): RunView => {
    const view = runOf(run);
    if (view.status === 'finished') throw new WireError('invalid_state', `Run ${run} has finished.`);
    const next = { ...view, status };
    fake.changed(next);
    return next;
  };
  const operator: OperatorPort = {
    async writeObject(object, chunks) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      const bytes = Buffer.concat(parts);
      if (digestOf(bytes) !== object.digest) throw new WireError('digest_mismatch');
      fake.objects.set(object.digest, bytes);
    },
    async startRun(planText, { from, fileName }) {
      if (!planText.includes('wardround')) throw new WireError('invalid_argument', `${fileName ?? 'plan'}: not a plan`);
      const view: RunView = {
        run: `demo-${fake.runs.size + 1}` as RunId,
        plan: digestOf(planText),
        planName: 'demo',
        status: 'waiting',
        reason: from ?? null,
        rounds: [],
        roundsPlanned: 3,
        release: null,
        createdMs: 1000,
        finishedMs: null,
      };
      fake.changed(view);
      return view;
    },
    listRuns: async () => [...fake.runs.values()],
    showRun: async (run) => runOf(run),
    async *watchRun(run, signal) {
      const queue = createQueue<RunView>(100);
      watchers.add(queue);
      try {
        yield runOf(run);
        for await (const view of untilAborted(queue, signal)) {
          yield view;
          if (view.status === 'finished') return;
        }
      } finally {
        watchers.delete(queue);
      }
    },
    pauseRun: async (run) => move(run, 'paused'),
    resumeRun: async (run) => move(run, 'running'),
    stopRun: async (run) => move(run, 'stopped'),
    async inviteSite(site, { validForMs }) {
      return { token: `token-of-${site}`, expiresMs: 5000 + (validForMs ?? 0) };
    },
    listSites: async () => [...fake.sites.values()],
    async revokeSite(site, reason) {
      const view: SiteView = { ...siteOf(site), status: 'revoked', software: reason };
      fake.sites.set(site, view);
      return view;
    },
    async readmitSite(site) {
      const view: SiteView = { ...siteOf(site), status: 'invited' };
      fake.sites.set(site, view);
      return view;
    },
    listReleases: async () => [...fake.releases.values()],
    async showRelease(version) {
      const view = fake.releases.get(version as ReleaseVersion);
      if (view === undefined) throw new WireError('not_found', `There is no release ${version}.`);
      return view;
    },
    readObject: (digest, offset) => read(digest, offset),
    async readReleaseObjects(version) {
      const view = fake.releases.get(version as ReleaseVersion);
      if (view === undefined) throw new WireError('not_found', `There is no release ${version}.`);
      return view.files;
    },
    async listAudit({ afterSequence, limit }) {
      const all: AuditEntry[] = entries.map((entry, index) => ({
        sequence: index + 1,
        timeMs: 1000 + index,
        ...entry,
      }));
      return all.filter(({ sequence }) => sequence > (afterSequence ?? 0)).slice(0, limit ?? 100);
    },
  };
  return fake;
}
