import type { Kysely } from 'kysely';
import { modelTensors } from '../../shared/graph/families.ts';
import { baseWeightsObject, readBaseWeights } from '../../shared/graph/onnx-read/base-weights.ts';
import { OnnxError } from '../../shared/graph/onnx-read/onnx-error.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { ReleaseVersion, RunId } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import type { ReleaseShelf } from '../releases/release-shelf.ts';
import type { Database } from '../store/database.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { createEventStore, type EventStore } from './event-store.ts';
import type { RunEvent } from './events.ts';
import type { PlanShelf } from './plan-shelf.ts';
import { runSpec } from './run-spec.ts';
import { createRunner, type PerformEffect, type Runner, replay } from './runner.ts';
import { transition } from './transition.ts';

/** All runs of this coordinator, in the order they were created. */
export interface Runs {
  /** Reads every run from its events; none goes on before `start`. */
  load(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
  all(): readonly Runner[];
  find(run: string): Runner | null;
  /** @throws WireError `not_found`, `invalid_argument` for a release of another model */
  create(plan: LoadedPlan, from: ReleaseVersion | null, by: string): Promise<Runner>;
  readonly events: EventStore;
}

export function createRuns(
  needs: {
    readonly db: Kysely<Database>;
    readonly objects: Pick<ObjectStore, 'size' | 'read'>;
    readonly plans: PlanShelf;
    readonly releases: ReleaseShelf;
    readonly perform: PerformEffect;
    readonly clock: Clock;
    readonly log: Logger;
    readonly onChange: (runner: Runner) => void;
  },
  pace: { readonly settleMs: number; readonly retryDelayMs: number },
): Runs {
  const { db, objects, plans, releases, clock } = needs;
  const events = createEventStore(db);
  const runners = new Map<RunId, Runner>();
  let started = false;
  let creating: Promise<unknown> = Promise.resolve();

  /** A run may start from a release whose model and columns are its own, whatever else of the plan differs. */
  const checkParent = async (plan: LoadedPlan, from: ReleaseVersion): Promise<void> => {
    const parent = await releases.find(from);
    if (parent === null) throw new WireError('not_found', `There is no release ${from}.`, { release: from });
    const { plan: former } = await plans.get(parent.plan);
    const shapeOf = (value: LoadedPlan['plan']): string =>
      JSON.stringify([
        value.task.kind,
        value.model,
        modelTensors(value),
        value.data.columns.map((column) =>
          column.kind === 'continuous'
            ? [column.name, column.kind, column.unit, column.missing]
            : [column.name, column.kind, column.levels, column.missing],
        ),
        'levels' in value.data.label ? value.data.label.levels : value.data.label.unit,
      ]);
    if (shapeOf(plan.plan) !== shapeOf(former)) {
      throw new WireError(
        'invalid_argument',
        `Release ${from} has another model, label or columns than the plan; a run can start only from a release of its own shape.`,
        { field: 'from', release: from },
      );
    }
  };

  /** The weights of the plan's ONNX file must be here, and be what the plan says, before a run can start from them. */
  const checkBaseWeights = async (plan: LoadedPlan): Promise<ObjectRef | null> => {
    const object = baseWeightsObject(plan.plan);
    if (object === null) return null;
    if ((await objects.size(object.digest)) !== object.bytes) {
      throw new WireError(
        'not_found',
        `The weights ${object.digest} of the plan's ONNX file are not here; start the run from the plan file with the ONNX file beside it: wardround run start PLAN`,
        { field: 'model.weights', object: object.digest },
      );
    }
    try {
      readBaseWeights(plan.plan, await objects.read(object.digest));
    } catch (cause) {
      if (!(cause instanceof OnnxError)) throw cause;
      throw new WireError('invalid_argument', cause.message, { field: 'model.weights', onnx: cause.code }, cause);
    }
    return object;
  };

  const create = async (plan: LoadedPlan, from: ReleaseVersion | null, by: string): Promise<Runner> => {
    if (from !== null) await checkParent(plan, from);
    const base = await checkBaseWeights(plan);
    const { name } = plan.plan;
    const rows = await db.selectFrom('runs').select('run').where('plan_name', '=', name).execute();
    const run = `${name}-${rows.length + 1}` as RunId;
    const timeMs = clock.now();
    const event: RunEvent = {
      kind: 'run-created',
      timeMs,
      run,
      plan: plan.digest,
      planName: name,
      spec: runSpec(plan.plan, pace),
      from,
      by,
    };
    await events.append(run, 1, event, async (transaction) => {
      await transaction
        .insertInto('plans')
        .values({ digest: plan.digest, name, canonical: plan.canonical, created_ms: timeMs })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await transaction
        .insertInto('runs')
        .values({ run, plan: plan.digest, plan_name: name, created_ms: timeMs })
        .execute();
      if (base === null) return;
      await transaction
        .insertInto('published_objects')
        .values({ digest: base.digest, run, bytes: base.bytes })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    });
    const [state] = transition(null, event);
    if (state === null) throw new Error('run-created makes a state');
    const runner = createRunner({ ...needs, events }, { state, storedEvents: 1 });
    runners.set(run, runner);
    if (started) runner.start();
    needs.onChange(runner);
    return runner;
  };

  return {
    events,
    async load() {
      for (const { run } of await db.selectFrom('runs').select('run').orderBy('ordinal').execute()) {
        const stored = await events.read(run as RunId);
        const runner = createRunner({ ...needs, events }, { state: replay(stored), storedEvents: stored.length });
        runners.set(run as RunId, runner);
      }
    },
    start() {
      started = true;
      for (const runner of runners.values()) runner.start();
    },
    async stop() {
      started = false;
      await creating;
      await Promise.all([...runners.values()].map((runner) => runner.stop()));
    },
    all: () => [...runners.values()],
    find: (run) => runners.get(run as RunId) ?? null,
    create(plan, from, by) {
      // One at a time: the counter in a run's name comes from those before it.
      const result = creating.then(() => create(plan, from, by));
      creating = result.catch(() => undefined);
      return result;
    },
  };
}
