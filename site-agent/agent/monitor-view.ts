import type { ModelState, MonitorSignal, SignalLevel } from '../../shared/plan/notice.ts';
import type { ReleaseVersion } from '../../shared/runtime/ids.ts';
import { createPredictionStore, outcomeKey, type PredictionCounts } from '../data/predictions.ts';
import type { Baseline } from '../judging/monitor/baseline.ts';
import { readMonitor } from '../judging/monitor/monitor-state.ts';
import { levelOf, type SignalPart } from '../judging/monitor/signal.ts';
import { createModelRegistry } from '../models/registry.ts';
import { createMonitorStore, type Revalidation, type StoredModelState, type StoredNotice } from './monitor-store.ts';
import type { PlanBook } from './plans.ts';
import type { AgentStore } from './store.ts';

export interface ViewedSignal {
  readonly signal: MonitorSignal;
  readonly level: SignalLevel;
  /** Since when it has this level; null before a pass has read it. */
  readonly sinceMs: number | null;
  readonly parts: readonly SignalPart[];
}

export interface MonitorView {
  readonly version: ReleaseVersion;
  readonly model: string;
  readonly state: ModelState;
  readonly sinceMs: number;
  readonly reasons: StoredModelState['reasons'];
  readonly counts: PredictionCounts;
  /** Null for a release that is not watched: one in shadow, one that left, one before its first pass. */
  readonly watched: {
    readonly validatedMs: number;
    readonly revalidateByMs: number;
    readonly reference: { readonly rows: number; readonly events: number };
    readonly accepted: Baseline['accepted'];
    readonly against: ReleaseVersion | null;
    readonly falseAlarmRate: number;
    readonly lifetimePatients: number;
    readonly budget: Baseline['budget'];
    readonly windows: number;
    readonly signals: readonly ViewedSignal[];
  } | null;
  readonly revalidations: readonly ViewedRevalidation[];
}

export interface ViewedRevalidation extends Revalidation {
  /** Of one that is open: when it was judged last, and held; null when it was not judged yet. */
  readonly heldMs: number | null;
}

const dayMs = 86_400_000;

/** How every release with a state stands, from what is stored; nothing is changed. Several lines are the states of several releases. */
export function viewMonitors(
  store: AgentStore,
  plans: Pick<PlanBook, 'load'>,
  nowMs: number,
): { readonly models: readonly MonitorView[]; readonly notices: readonly StoredNotice[] } {
  const monitors = createMonitorStore(store);
  const registry = createModelRegistry(store);
  const predictions = createPredictionStore(store);
  const heldSince = (version: ReleaseVersion, wantedMs: number): number | null => {
    const last = registry.judgementOf(version);
    const judgedMs = last === null ? Number.NaN : Date.parse(last.evidence.judgedAt);
    return last?.decision.decision === 'hold' && judgedMs >= wantedMs ? judgedMs : null;
  };
  const models = monitors.states().flatMap((state): MonitorView[] => {
    const { version, model, digest, sinceMs, reasons } = state;
    const plan = plans.load(registry.find(version)?.plan ?? digest);
    if (plan === null) return [];
    const record = monitors.load(digest);
    return [
      {
        version,
        model,
        state: state.state,
        sinceMs,
        reasons,
        counts: predictions.counts(digest, outcomeKey(plan.plan.data)),
        watched:
          record === null
            ? null
            : {
                validatedMs: record.baseline.validatedMs,
                revalidateByMs: record.baseline.validatedMs + record.baseline.revalidateDays * dayMs,
                reference: { rows: record.baseline.rows, events: record.baseline.events },
                accepted: record.baseline.accepted,
                against: record.baseline.against?.version ?? null,
                falseAlarmRate: record.baseline.settings.falseAlarmRate,
                lifetimePatients: record.baseline.settings.lifetimePatients,
                budget: record.baseline.budget,
                windows: record.baseline.windows,
                signals: readMonitor(record.state, record.baseline, predictions.days(digest), nowMs).map(
                  ({ signal, parts }) => {
                    const level = levelOf(parts);
                    const noted = record.state.levels[signal];
                    return { signal, level, sinceMs: noted?.level === level ? noted.sinceMs : null, parts };
                  },
                ),
              },
        revalidations: monitors
          .revalidations()
          .filter((entry) => entry.version === version)
          .map((entry) => ({
            ...entry,
            heldMs: entry.finishedMs === null ? heldSince(version, entry.wantedMs) : null,
          })),
      },
    ];
  });
  return { models, notices: monitors.notices() };
}
