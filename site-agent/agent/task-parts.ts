import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { SiteName } from '../../shared/runtime/ids.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { SiteConfig } from '../config.ts';
import type { loadSiteData } from '../data/load-site-data.ts';
import type { Egress } from '../egress/egress.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { Trainer } from '../training/trainer.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Downloads } from './downloads.ts';
import type { SiteObjects } from './objects.ts';
import type { PlanBook } from './plans.ts';
import type { SiteSigner } from './signer.ts';
import type { AgentStore } from './store.ts';
import type { TaskStore } from './task-store.ts';

/** A site's rows under one plan; the agent hands them on and never looks inside. */
export type SiteRows = Awaited<ReturnType<typeof loadSiteData>>;

/** What carrying out a task needs. */
export interface TaskParts {
  readonly directory: string;
  readonly site: SiteName;
  readonly config: SiteConfig;
  readonly rootPem: string;
  readonly store: AgentStore;
  readonly tasks: TaskStore;
  /** Where rounds that were broken off stood. */
  readonly checkpoints: Checkpoints;
  readonly plans: PlanBook;
  readonly objects: SiteObjects;
  readonly downloads: Downloads;
  readonly egress: Egress;
  readonly registry: ModelRegistry;
  readonly signer: SiteSigner;
  readonly clock: Clock;
  readonly log: Logger;
  /** The engine, opened when it is first needed. */
  readonly trainer: () => Promise<Trainer>;
  /** Rows of a run: read once, so that all its rounds train on the same ones; `fresh` reads them again. */
  readonly rows: (run: string, plan: LoadedPlan, signal: AbortSignal) => Promise<SiteRows>;
}
