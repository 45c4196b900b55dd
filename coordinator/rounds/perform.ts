import type { Kysely } from 'kysely';
import { initialWeights, modelTensors } from '../../shared/graph/families.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';
import { foldUpdates } from '../aggregation/fold-updates.ts';
import { poolRound } from '../aggregation/pool.ts';
import { buildRelease, type ReleaseKey } from '../releases/build-release.ts';
import type { ReleaseShelf } from '../releases/release-shelf.ts';
import type { Database } from '../store/database.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { Attendance } from './attendance.ts';
import { baseWeightsOf } from './base-weights.ts';
import { chooseSites } from './choose-sites.ts';
import type { Effect } from './effects.ts';
import type { AlsoWrite } from './event-store.ts';
import type { PlanShelf } from './plan-shelf.ts';
import type { PerformEffect, Runner } from './runner.ts';
import { type PlannedRound, type RunState, roundTask } from './state.ts';

export interface Performing {
  readonly db: Kysely<Database>;
  readonly objects: ObjectStore;
  readonly plans: PlanShelf;
  readonly releases: ReleaseShelf;
  readonly releaseKey: ReleaseKey;
  readonly attendance: Attendance;
  readonly clock: Clock;
  readonly software: string;
  /** Enrolled sites. */
  members(): Promise<readonly SiteName[]>;
}

/** Longest a wait for sites sleeps before it looks again: sites may be enrolled or readmitted without a stream changing. */
const longestLookMs = 60_000;

function publish(run: string, ...objects: readonly ObjectRef[]): AlsoWrite {
  return async (transaction) => {
    await transaction
      .insertInto('published_objects')
      .values(objects.map(({ digest, bytes }) => ({ digest, run, bytes })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  };
}

/** Carries out the effects of a run. */
export function createPerform(needs: Performing): PerformEffect {
  const { db, objects, plans, releases, clock, attendance } = needs;

  const initialiseWeights = async (runner: Runner): Promise<void> => {
    const { run, plan, from } = runner.state();
    let weights: ObjectRef;
    let parentPreprocessing: ObjectRef | null = null;
    if (from === null) {
      const { plan: whole } = await plans.get(plan);
      weights = await objects.put(encodeSafetensors(initialWeights(whole, await baseWeightsOf(objects, whole))));
    } else {
      const parent = await releases.find(from);
      const file = (name: string): ObjectRef => {
        const found = parent?.manifest.files.find((other) => other.name === name);
        if (found === undefined) throw new Error(`release ${from} has no ${name}`);
        return { digest: found.digest, bytes: found.bytes };
      };
      weights = file('model.safetensors');
      parentPreprocessing = file('preprocessing.json');
    }
    await runner.dispatch(
      { kind: 'weights-initialised', timeMs: clock.now(), weights, parentPreprocessing },
      publish(run, weights),
    );
  };

  const openRound = async (runner: Runner, planned: PlannedRound, signal: AbortSignal): Promise<void> => {
    const { run, plan, spec } = runner.state();
    const { round, attempt, notBeforeMs } = planned;
    let enoughSinceMs: number | null = null;
    while (!signal.aborted) {
      // Begun before the list is read, so that no change between the two is missed.
      const turn = new AbortController();
      const either = AbortSignal.any([signal, turn.signal]);
      const change = attendance.changed(either).catch(() => undefined);
      try {
        const choice = chooseSites({
          spec,
          plan,
          members: await needs.members(),
          attending: attendance.present(),
          nowMs: clock.now(),
          notBeforeMs,
          enoughSinceMs,
        });
        if (choice.kind === 'open') {
          await runner.dispatch({
            kind: 'round-opened',
            timeMs: clock.now(),
            round,
            attempt,
            offered: choice.sites.map((site) => ({ site, task: roundTask(run, round, attempt, site) })),
            absent: choice.absent,
          });
          return;
        }
        enoughSinceMs = choice.enoughSinceMs;
        runner.setObstacle(choice.reason);
        const waitMs = Math.min(longestLookMs, (choice.untilMs ?? Number.POSITIVE_INFINITY) - clock.now());
        await Promise.race([change, clock.sleep(Math.max(0, waitMs), either).catch(() => undefined)]);
      } finally {
        turn.abort();
      }
    }
  };

  /** Sites of the open round with an upload begun since it opened, and no answer yet. */
  const uploading = async (state: RunState): Promise<readonly SiteName[]> => {
    if (state.tag !== 'round' || !('openedMs' in state.current) || state.current.round === 0) return [];
    const { offered, answers, openedMs } = state.current;
    const sites = offered.map(({ site }) => site).filter((site) => !answers.some((answer) => answer.site === site));
    if (sites.length === 0) return [];
    const rows = await db
      .selectFrom('uploads')
      .select('site')
      .distinct()
      .where('site', 'in', sites)
      .where('begun_ms', '>=', openedMs)
      .execute();
    return rows.map(({ site }) => site as SiteName).sort();
  };

  const alarm = async (
    runner: Runner,
    effect: Extract<Effect, { kind: 'alarm' }>,
    signal: AbortSignal,
  ): Promise<void> => {
    const { roundDeadlineMs, graceMs, judgementDeadlineMs } = runner.state().spec;
    const longestMs = { deadline: roundDeadlineMs, grace: graceMs, judging: judgementDeadlineMs }[effect.alarm];
    // No wait is longer than its time as a whole, also when the machine's clock was set back before this process began.
    await clock.sleep(Math.min(longestMs, Math.max(0, effect.atMs - clock.now())), signal);
    const { round, attempt } = effect;
    // A timer may fire a moment early, or by that bound; the state asks for the time itself.
    const timeMs = Math.max(clock.now(), effect.atMs);
    if (effect.alarm === 'judging') await runner.dispatch({ kind: 'judging-closed', timeMs });
    else if (effect.alarm === 'grace') await runner.dispatch({ kind: 'grace-passed', timeMs, round, attempt });
    else {
      const sites = await uploading(runner.state());
      await runner.dispatch({ kind: 'deadline-passed', timeMs, round, attempt, uploading: sites });
    }
  };

  const fold = async (
    runner: Runner,
    { folding }: Extract<Effect, { kind: 'fold' }>,
    signal: AbortSignal,
  ): Promise<void> => {
    const state = runner.state();
    const plan = await plans.get(state.plan);
    const { round, attempt, updates } = folding;
    const object =
      round === 0
        ? await poolRound(objects, plan, updates, state.parentPreprocessing)
        : await foldUpdates(
            objects,
            {
              base: baseOf(state),
              updates: updates.map(({ site, object: delta, weight }) => ({ site, delta: delta.digest, weight })),
              tensors: modelTensors(plan.plan),
            },
            signal,
          );
    await runner.dispatch(
      { kind: 'round-folded', timeMs: clock.now(), round, attempt, object },
      publish(state.run, object),
    );
  };

  let numbering: Promise<unknown> = Promise.resolve();
  const numberRelease = (runner: Runner): Promise<void> => {
    // One at a time: two runs of one plan name may end together.
    const result = numbering.then(async () => {
      const { run, plan, planName } = runner.state();
      const number = await releases.nextNumber(planName);
      const version = `${planName}/${number}` as ReleaseVersion;
      const timeMs = clock.now();
      await runner.dispatch(
        { kind: 'release-numbered', timeMs, version, number, software: needs.software },
        async (transaction) => {
          await transaction
            .insertInto('releases')
            .values({
              version,
              run,
              plan,
              plan_name: planName,
              number,
              created_ms: timeMs,
              digest: null,
              manifest: null,
              signature: null,
            })
            .execute();
        },
      );
    });
    numbering = result.catch(() => undefined);
    return result;
  };

  const release = async (
    runner: Runner,
    { release: numbered }: Extract<Effect, { kind: 'build-release' }>,
  ): Promise<void> => {
    const state = runner.state();
    const plan = await plans.get(state.plan);
    const built = await buildRelease(objects, needs.releaseKey, { state, release: numbered, plan });
    const members = new Set(await needs.members());
    const took = state.rounds.flatMap(({ updates }) => updates.map(({ site }) => site));
    const here = [...attendance.present().values()]
      .filter(({ approvedPlans }) => approvedPlans.has(state.plan))
      .map(({ site }) => site);
    const invited = [...new Set([...took, ...here])].filter((site) => members.has(site)).sort();
    const { digest } = built.object;
    await runner.dispatch(
      { kind: 'released', timeMs: clock.now(), digest, manifest: built.object, invited },
      async (transaction) => {
        await transaction
          .updateTable('releases')
          .set({
            digest,
            manifest: built.manifestText,
            signature: built.signatureText,
          })
          .where('version', '=', numbered.version)
          .execute();
        await publish(state.run, built.object, built.signatureObject, ...built.manifest.files)(transaction);
      },
    );
  };

  return async (effect, runner, signal) => {
    switch (effect.kind) {
      case 'initialise-weights':
        return initialiseWeights(runner);
      case 'choose-sites':
        return openRound(runner, effect.planned, signal);
      case 'offer':
        return;
      case 'alarm':
        return alarm(runner, effect, signal);
      case 'fold':
        return fold(runner, effect, signal);
      case 'number-release':
        return numberRelease(runner);
      case 'build-release':
        return release(runner, effect);
    }
  };
}

function baseOf(state: RunState) {
  if (state.weights === null) throw new Error(`run ${state.run} has no weights`);
  return state.weights.digest;
}
