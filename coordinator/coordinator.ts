import type { Clock } from '../shared/runtime/clock.ts';
import type { Digest, RunId, SiteName } from '../shared/runtime/ids.ts';
import { errorFields, type Logger } from '../shared/runtime/logger.ts';
import { defaultHeartbeatMs } from '../shared/wire/messages.ts';
import { WireError } from '../shared/wire/wire-error.ts';
import { createAdmission } from './admission/admit.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { federationDoor } from './federation-door.ts';
import { operatorDoor } from './operator-door.ts';
import type { ReleaseKey } from './releases/build-release.ts';
import { createReleaseShelf } from './releases/release-shelf.ts';
import { type Assignments, createAttendance } from './rounds/attendance.ts';
import { offersFor } from './rounds/offers.ts';
import { createPerform } from './rounds/perform.ts';
import { createPlanShelf } from './rounds/plan-shelf.ts';
import type { Runner } from './rounds/runner.ts';
import { createRuns } from './rounds/runs.ts';
import { isLive } from './rounds/state.ts';
import { createTrafficBook } from './rounds/traffic.ts';
import type { CoordinatorPorts } from './service/ports.ts';
import type { SiteBook } from './sites/site-book.ts';
import { softwareVersion } from './software.ts';
import { sweepObjects } from './store/garbage.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { Store } from './store/open-store.ts';
import { openUploads } from './store/uploads.ts';

export interface CoordinatorSettings {
  /** Interval of heartbeats on the sites' streams. */
  readonly heartbeatMs?: number;
  /** Longest wait for the target number of sites once the minimum is here; at most the plan's round deadline. */
  readonly settleMs?: number;
  /** Wait before a round is tried again; doubles with each try. */
  readonly retryDelayMs?: number;
  /** Interval of the removal of objects no one needs. */
  readonly sweepMs?: number;
}

export interface CoordinatorNeeds {
  readonly store: Store;
  readonly objects: ObjectStore;
  /** The site book, or in a simulation whatever keeps a list of sites. */
  readonly siteBook: Pick<SiteBook, 'list' | 'show' | 'invite' | 'revoke' | 'readmit' | 'renew' | 'onRevoked'>;
  readonly releaseKey: ReleaseKey;
  readonly clock: Clock;
  readonly log: Logger;
  readonly audit: AuditLog;
}

export interface Coordinator extends CoordinatorPorts {
  /** Goes on with every run where its stored events end. */
  start(): Promise<void>;
  /** Ends the sites' streams and the work under way. What was answered is stored; `start` of another process goes on. */
  stop(): Promise<void>;
}

const hourMs = 3_600_000;

/**
 * The coordinator behind its doors: runs, admission, folding, releases. It does not listen; a transport passes calls in, with
 * the identity it has proven. `config` may leave out what has a default.
 */
export function createCoordinator(needs: CoordinatorNeeds & { readonly config?: CoordinatorSettings }): Coordinator {
  const { store, objects, siteBook, clock, log, audit } = needs;
  const { db } = store;
  const settings = {
    heartbeatMs: needs.config?.heartbeatMs ?? defaultHeartbeatMs,
    settleMs: needs.config?.settleMs ?? 10_000,
    retryDelayMs: needs.config?.retryDelayMs ?? 2_000,
    sweepMs: needs.config?.sweepMs ?? hourMs,
  };
  const uploads = openUploads(objects, () => clock.now());
  const traffic = createTrafficBook({ db, log });
  const plans = createPlanShelf(db);
  const releases = createReleaseShelf(db);
  const attendance = createAttendance({ clock, log, heartbeatMs: settings.heartbeatMs });
  const runListeners = new Set<(run: RunId) => void>();
  const stopping = new AbortController();
  const background = new Set<Promise<void>>();

  const inBackground = (what: string, work: () => Promise<void>): void => {
    const task = work()
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) log.error({ ...errorFields(error), what }, 'background work failed');
      })
      .finally(() => background.delete(task));
    background.add(task);
  };

  const members = async (): Promise<readonly SiteName[]> =>
    (await siteBook.list()).filter(({ status }) => status === 'enrolled').map(({ site }) => site);

  const assignments: Assignments = {
    plans: () => runs.all().flatMap((runner) => planOf(runner)),
    tasks: (site) => runs.all().flatMap((runner) => offersFor(runner.state(), site)),
  };
  const planOf = (runner: Runner): { run: RunId; plan: Digest }[] => {
    const state = runner.state();
    return isLive(state) ? [{ run: state.run, plan: state.plan }] : [];
  };

  const runs = createRuns(
    {
      db,
      objects,
      plans,
      releases,
      clock,
      log,
      perform: createPerform({
        db,
        objects,
        plans,
        releases,
        releaseKey: needs.releaseKey,
        attendance,
        clock,
        software: softwareVersion(),
        members,
      }),
      onChange(runner) {
        attendance.sync(assignments);
        for (const listener of [...runListeners]) listener(runner.run);
      },
    },
    settings,
  );
  const admission = createAdmission({ db, objects, plans, releases, runs, audit, clock });

  const siteRevoked = async (site: SiteName): Promise<void> => {
    for (const runner of runs.all()) {
      await runner.dispatch({ kind: 'site-revoked', timeMs: clock.now(), site });
    }
  };

  /** Sites that come while a release is being judged, and have approved its plan, are asked too. */
  const inviteToJudge = async (): Promise<void> => {
    const judging = runs.all().filter((runner) => runner.state().tag === 'judging');
    if (judging.length === 0) return;
    const enrolled = new Set(await members());
    for (const runner of judging) {
      for (const { site, approvedPlans } of attendance.present().values()) {
        const state = runner.state();
        if (state.tag !== 'judging' || !enrolled.has(site) || !approvedPlans.has(state.plan)) continue;
        if (state.invitations.some((other) => other.site === site)) continue;
        await runner.dispatch({ kind: 'judge-invited', timeMs: clock.now(), site });
      }
    }
  };

  const sweep = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const removed = await sweepObjects({ db, objects, uploads, runs: runs.all(), nowMs: clock.now() });
        if (removed > 0) log.info({ removed }, 'objects no one needs were removed');
      } catch (error) {
        log.warn(errorFields(error), 'removal of objects failed');
      }
      await clock.sleep(settings.sweepMs, stopping.signal);
    }
  };

  attendance.onChange(() => inBackground('invitations to judge', inviteToJudge));
  const unlisten = siteBook.onRevoked((serials) => attendance.end(serials, new WireError('certificate_revoked')));

  return {
    federation: (identity) =>
      federationDoor(
        { db, objects, uploads, plans, releases, runs, admission, attendance, traffic, siteBook, audit, clock },
        identity,
      ),
    operator: (identity) =>
      operatorDoor(
        {
          objects,
          releases,
          runs,
          attendance,
          traffic,
          siteBook,
          audit,
          clock,
          siteRevoked,
          onRunChange(listener) {
            runListeners.add(listener);
            return () => runListeners.delete(listener);
          },
          async isPublished(digest) {
            const row = await db
              .selectFrom('published_objects')
              .select('digest')
              .where('digest', '=', digest)
              .executeTakeFirst();
            return row !== undefined;
          },
        },
        identity,
      ),
    async start() {
      await traffic.load();
      await runs.load();
      // A revocation may have been stored just before the process ended, and not reached the runs.
      for (const { site, status } of await siteBook.list()) if (status === 'revoked') await siteRevoked(site);
      attendance.sync(assignments);
      runs.start();
      inBackground('removal of objects', sweep);
      log.info({ runs: runs.all().length }, 'coordinator goes on');
    },
    async stop() {
      stopping.abort(new Error('the coordinator stops'));
      unlisten();
      attendance.drain();
      attendance.close();
      await runs.stop();
      while (background.size > 0) await Promise.all(background);
      await traffic.flush().catch((error: unknown) => log.warn(errorFields(error), 'traffic could not be stored'));
      await audit.flush().catch((error: unknown) => log.error(errorFields(error), 'audit could not be stored'));
      log.info({}, 'coordinator stopped');
    },
  };
}
