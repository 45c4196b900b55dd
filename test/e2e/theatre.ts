import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import type { RunId, SiteName } from '../../shared/runtime/ids.ts';
import type { RunView } from '../../shared/wire/operator-port.ts';
import type { SiteRows } from '../../simulations/cohorts/site-rows.ts';
import { type Child, type Children, createChildren } from '../../simulations/demo/children.ts';
import { demoEnvironment } from '../../simulations/demo/run-demo.ts';
import { createStage, type Stage } from '../../simulations/demo/stage.ts';
import { writeStory } from '../../simulations/demo/story.ts';
import { type PlanText, planWith } from '../../simulations/plan-text.ts';

/** The compiled program, as it is installed; another build of it where the environment names one. */
export const program =
  process.env.WARDROUND_TEST_PROGRAM ?? fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** A consortium with four enrolled hospitals, real processes of the compiled program on loopback, that a test may harm. */
export interface Theatre {
  readonly stage: Stage;
  readonly children: Children;
  readonly plan: PlanText;
  readonly sites: readonly SiteRows[];
  coordinator: Child;
  readonly agents: Map<SiteName, Child>;
  /** Starts the run of the plan and approves it at every hospital that has an agent in `agents`. */
  startRun(): Promise<RunId>;
  /** Follows the run until a view fits; watching survives a coordinator that goes away. */
  watchUntil(run: RunId, fits: (view: RunView) => boolean, signal: AbortSignal): Promise<RunView>;
  close(): Promise<void>;
}

export interface TheatreSettings {
  readonly seed: number;
  readonly rows: number;
  readonly rounds: number;
}

const planFile = fileURLToPath(new URL('../../simulations/scenarios/heart-disease.plan.yaml', import.meta.url));

/** The demo's first act, with time enough in a round for a process that is started again on a slow machine. */
export function firstAct(settings: TheatreSettings): { readonly plan: PlanText; readonly sites: readonly SiteRows[] } {
  const [{ sites }] = writeStory({ ...settings, data: null }).acts;
  const plan = planWith(planFile, {
    'training.seed': settings.seed,
    'federation.rounds': settings.rounds,
    'federation.roundDeadlineSeconds': 600,
  });
  return { plan, sites };
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, delayMs));
}

export async function openTheatre(settings: TheatreSettings): Promise<Theatre> {
  const directory = await mkdtemp(join(tmpdir(), 'wardround-e2e-'));
  const children = createChildren(demoEnvironment(), directory, program);
  const close = async (): Promise<void> => {
    await children.stopAll();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const { plan, sites } = firstAct(settings);
    const stage = createStage(directory, children);
    await stage.openConsortium();
    const coordinator = await stage.startCoordinator();
    const names = sites.map(({ site }) => site);
    await stage.enrol(names);
    for (const table of sites) await stage.prepare(table, plan.loaded.plan, null);
    const agents = new Map<SiteName, Child>();
    await Promise.all(names.map(async (site) => agents.set(site, await stage.startAgent(site))));
    return {
      stage,
      children,
      plan,
      sites,
      coordinator,
      agents,
      async startRun() {
        const view = await withOperator(stage.consortium, (operator) => operator.startRun(plan.text, {}));
        await stage.approve(plan.loaded.digest, agents);
        return view.run;
      },
      async watchUntil(run, fits, signal) {
        for (;;) {
          try {
            return await withOperator(stage.consortium, async (operator) => {
              for await (const view of operator.watchRun(run, signal)) if (fits(view)) return view;
              const last = await operator.showRun(run);
              if (fits(last)) return last;
              throw new Error(`the run ended as ${last.status}: ${last.reason}`);
            });
          } catch (error) {
            signal.throwIfAborted();
            if ((error as { code?: string }).code !== 'unavailable') throw error;
            await pause(200, signal);
          }
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Stops an agent where it stands, once round `round` has come, and follows the run until a round has every answer but that agent's:
 * there it stays until the agent goes on.
 */
export async function holdMidRound(
  theatre: Theatre,
  run: RunId,
  site: SiteName,
  round: number,
  signal: AbortSignal,
): Promise<RunView> {
  await theatre.watchUntil(run, ({ rounds }) => (rounds.at(-1)?.round ?? 0) >= round, signal);
  process.kill(theatre.agents.get(site)?.pid as number, 'SIGSTOP');
  const others = [...theatre.agents.keys()].filter((name) => name !== site).sort();
  return theatre.watchUntil(
    run,
    ({ rounds }) => {
      const last = rounds.at(-1);
      return last?.phase === 'collecting' && [...last.received].sort().join() === others.join();
    },
    signal,
  );
}

/** `kill -9`; resolves when the process is gone. */
export async function killHard(child: Child): Promise<void> {
  process.kill(child.pid, 'SIGKILL');
  await child.died.catch(() => undefined);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
