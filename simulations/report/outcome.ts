import type { Plan } from '../../shared/plan/plan.ts';
import type { ReleaseView, RunView } from '../../shared/wire/operator-port.ts';
import type { BaselineResult } from '../baselines/baseline.ts';

/** One run, as its coordinator shows it at the end, and what came of its release. */
export interface RunOutcome {
  /** Heading in the report, such as `Before the change` or `Seed 2`. */
  readonly title: string;
  /** Seed of a simulation, which is also in the plan. Null in the demo, where the plan alone says it. */
  readonly seed: number | null;
  readonly plan: Plan;
  readonly view: RunView;
  readonly releases: readonly ReleaseView[];
  /** What the run is compared with, where a scenario asks for it. */
  readonly baselines?: readonly BaselineResult[];
}

/** All that a demo or a simulation found, from which summary, report and table are made. */
export interface Outcome {
  readonly kind: 'demo' | 'simulation';
  readonly title: string;
  readonly description: string;
  /** What was done to the data, a sentence each. */
  readonly remarks: readonly string[];
  readonly runs: readonly RunOutcome[];
}
