import { loadPlan } from '../shared/plan/load-plan.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import type { Digest, RunId, SiteName } from '../shared/runtime/ids.ts';
import type { ObjectRef, OperatorIdentity } from '../shared/wire/messages.ts';
import type { OperatorPort, ReleaseView, RunView, SiteView } from '../shared/wire/operator-port.ts';
import { WireError } from '../shared/wire/wire-error.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { atTheDoor, streamAtTheDoor } from './door-errors.ts';
import type { ReleaseShelf, ShelvedRelease } from './releases/release-shelf.ts';
import type { Attendance } from './rounds/attendance.ts';
import type { RunEvent } from './rounds/events.ts';
import { awaitedOf, notJudgedOf, runView } from './rounds/run-view.ts';
import type { Runner } from './rounds/runner.ts';
import type { Runs } from './rounds/runs.ts';
import { isLive } from './rounds/state.ts';
import type { TrafficBook } from './rounds/traffic.ts';
import type { SiteBook, SiteRecord } from './sites/site-book.ts';
import type { ObjectStore } from './store/object-store.ts';

export interface OperatorNeeds {
  readonly objects: ObjectStore;
  readonly releases: ReleaseShelf;
  readonly runs: Runs;
  readonly attendance: Attendance;
  readonly traffic: TrafficBook;
  readonly siteBook: Pick<SiteBook, 'list' | 'show' | 'invite' | 'revoke' | 'readmit'>;
  readonly audit: AuditLog;
  readonly clock: Clock;
  /** Calls back after every change of a run, until the returned function is called. */
  onRunChange(listener: (run: RunId) => void): () => void;
  /** Whether an object may leave: weights of runs and files of releases, never what a single site has sent. */
  isPublished(digest: Digest): Promise<boolean>;
  /** Tells the runs that a site is no longer trusted. */
  siteRevoked(site: SiteName): Promise<void>;
}

/** What an operator may ask, in the name its certificate proves. */
export function operatorDoor(needs: OperatorNeeds, identity: OperatorIdentity): OperatorPort {
  const { objects, releases, runs, attendance, traffic, siteBook, audit, clock } = needs;
  const by = identity.name;

  const viewOf = (runner: Runner): RunView =>
    runView(runner.state(), { obstacle: runner.obstacle(), traffic: traffic.of(runner.run), nowMs: clock.now() });

  const find = (run: string): Runner => {
    const runner = runs.find(run);
    if (runner === null) throw new WireError('not_found', `There is no run ${String(run).slice(0, 100)}.`, { run });
    return runner;
  };

  const move = async (
    run: RunId,
    event: Extract<RunEvent, { by: string }>['kind'] & ('run-paused' | 'run-resumed' | 'run-stopped'),
    cannot: string,
  ): Promise<RunView> => {
    const runner = find(run);
    const moved = await runner.dispatch({ kind: event, timeMs: clock.now(), by });
    if (!moved) {
      const { status } = viewOf(runner);
      throw new WireError('invalid_state', `Run ${run} is ${status}: ${cannot}`, { run, status });
    }
    audit.record(event.replace('-', '.'), by, { run });
    await audit.flush();
    return viewOf(runner);
  };
  /** What an operator was told is done stands in the audit, even if the process is killed the moment after. */
  const audited = async <Result>(action: () => Promise<Result>): Promise<Result> => {
    const result = await action();
    await audit.flush();
    return result;
  };

  const siteView = (record: SiteRecord): SiteView => {
    const presence = attendance.present().get(record.site);
    return {
      site: record.site,
      status: record.status,
      connected: presence !== undefined,
      lastSeenMs: attendance.lastHeardMs(record.site),
      certificateExpiresMs: record.certificateExpiresMs,
      approvedPlans: [...(presence?.approvedPlans ?? [])].sort(),
      software: attendance.softwareOf(record.site),
    };
  };

  const releaseView = async (release: ShelvedRelease): Promise<ReleaseView> => {
    const state = runs.find(release.run)?.state();
    const { version, digest, run, plan, createdMs } = release;
    return {
      version,
      digest,
      run,
      plan,
      createdMs,
      files: release.manifest.files,
      decisions: await releases.decisions(run),
      notices: await releases.notices(version),
      awaited: state === undefined ? [] : awaitedOf(state),
      notJudged: state === undefined ? [] : notJudgedOf(state),
    };
  };

  const findRelease = async (version: string): Promise<ShelvedRelease> => {
    const release = await releases.find(version);
    if (release === null) {
      throw new WireError('not_found', `There is no release ${String(version).slice(0, 100)}.`, { release: version });
    }
    return release;
  };

  async function* watch(run: RunId, signal: AbortSignal): AsyncGenerator<RunView, void, void> {
    const runner = find(run);
    let fresh = true;
    let wake: () => void = () => undefined;
    const note = (): void => {
      fresh = true;
      wake();
    };
    const stop = needs.onRunChange((changed) => {
      if (changed === run) note();
    });
    signal.addEventListener('abort', note);
    try {
      while (!signal.aborted) {
        if (fresh) {
          fresh = false;
          const ended = !isLive(runner.state());
          yield viewOf(runner);
          if (ended) return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      stop();
      signal.removeEventListener('abort', note);
    }
  }

  const writeObject: OperatorPort['writeObject'] = async (object, chunks, signal) => {
    if ((await objects.size(object.digest)) === object.bytes) {
      for await (const _ of chunks) signal?.throwIfAborted();
      return;
    }
    const writer = await objects.create();
    let stored: ObjectRef;
    try {
      let bytes = 0;
      for await (const chunk of chunks) {
        signal?.throwIfAborted();
        bytes += chunk.byteLength;
        if (bytes > object.bytes)
          throw new WireError('invalid_argument', 'The object has more bytes than it was said to have.');
        await writer.write(chunk);
      }
      stored = await writer.finish();
    } catch (cause) {
      await writer.discard();
      throw cause;
    }
    // What was stored under its own name is harmless: nobody is given it, and it is swept away.
    if (stored.digest !== object.digest) {
      throw new WireError('digest_mismatch', `The bytes sent as ${object.digest} have the digest ${stored.digest}.`, {
        digest: object.digest,
        found: stored.digest,
      });
    }
  };

  return {
    writeObject: (object, chunks, signal) => atTheDoor(() => writeObject(object, chunks, signal)),
    startRun: (planText, options) =>
      atTheDoor(async () => {
        const plan = loadPlan(planText, options.fileName ?? 'plan');
        const runner = await runs.create(plan, options.from ?? null, by);
        audit.record('run.created', by, { run: runner.run, plan: plan.digest, from: options.from ?? null });
        await audit.flush();
        return viewOf(runner);
      }),
    listRuns: () => atTheDoor(async () => runs.all().map(viewOf)),
    showRun: (run) => atTheDoor(async () => viewOf(find(run))),
    watchRun: (run, signal) => streamAtTheDoor(watch(run, signal)),
    pauseRun: (run) =>
      atTheDoor(async () =>
        move(
          run,
          'run-paused',
          find(run).state().tag === 'judging'
            ? 'its rounds are over and the sites judge its release; it ends with the last judgement or the deadline, or by stop.'
            : 'only a run whose rounds are under way can be paused.',
        ),
      ),
    resumeRun: (run) => atTheDoor(() => move(run, 'run-resumed', 'only a paused run can be resumed.')),
    stopRun: (run) => atTheDoor(() => move(run, 'run-stopped', 'it has ended already.')),
    inviteSite: (site, options) => atTheDoor(() => audited(() => siteBook.invite(site, options, by))),
    listSites: () => atTheDoor(async () => (await siteBook.list()).map(siteView)),
    revokeSite: (site, reason) =>
      atTheDoor(async () => {
        const record = await siteBook.revoke(site, reason, by);
        // First the runs: a disk that is full keeps nobody in.
        await needs.siteRevoked(record.site);
        await audit.flush();
        return siteView(record);
      }),
    readmitSite: (site) => atTheDoor(async () => siteView(await audited(() => siteBook.readmit(site, by)))),
    listReleases: () => atTheDoor(async () => Promise.all((await releases.list()).map(releaseView))),
    showRelease: (version) => atTheDoor(async () => releaseView(await findRelease(version))),
    readObject: (digest, offset, signal) => streamAtTheDoor(readRelease(digest, offset, signal)),
    readReleaseObjects: (version) =>
      atTheDoor(async () => {
        const release = await findRelease(version);
        return [
          { name: 'manifest.json', ...release.manifestObject },
          { name: 'signature.json', ...release.signatureObject },
          ...release.manifest.files,
        ];
      }),
    listAudit: (options) => atTheDoor(() => audit.list(options)),
  };

  async function* readRelease(
    digest: Parameters<OperatorPort['readObject']>[0],
    offset: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    if (!(await needs.isPublished(digest))) {
      throw new WireError('not_found', `There is no object ${String(digest).slice(0, 80)}.`, { object: digest });
    }
    yield* objects.stream(digest, offset, signal);
  }
}
