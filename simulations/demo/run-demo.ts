import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import { consortiumPage } from '../../coordinator/web/consortium-page.ts';
import { consortiumView } from '../../coordinator/web/consortium-view.ts';
import type { RunId, SiteName } from '../../shared/runtime/ids.ts';
import type { OperatorPort, ReleaseView, RunView } from '../../shared/wire/operator-port.ts';
import type { Outcome, RunOutcome } from '../report/outcome.ts';
import { SimulationError } from '../simulation-error.ts';
import { writePatients } from '../site-setup.ts';
import { type Child, createChildren } from './children.ts';
import type { Progress } from './progress.ts';
import { createStage, type Stage } from './stage.ts';
import { type Act, type Story, type StorySettings, writeStory } from './story.ts';

/** Settings of whoever runs the demo that its processes must not see: they talk over loopback, with their own files. */
const foreignSettings = /^(WARDROUND_.*|(https?|grpc|all|no)_proxy)$/i;

export interface DemoSettings extends StorySettings {
  /** Leaves the directories of coordinator and hospitals where they are. */
  readonly keep: boolean;
}

export interface DemoNeeds {
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface DemoResult {
  readonly outcome: Outcome;
  /** Where coordinator and hospitals worked; null when it was removed. */
  readonly workDirectory: string | null;
  readonly planTexts: readonly string[];
  /** By file name: each hospital's report on each judgement, and the consortium's view of each release. */
  readonly pages: Readonly<Record<string, string>>;
}

interface Scene {
  readonly stage: Stage;
  readonly story: Story;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly agents: ReadonlyMap<SiteName, Child>;
}

/**
 * The environment of this process, less what the demo's processes must not see. Where approvals take long, on a slow machine, the
 * coordinator waits for every hospital up to the plan's own deadline: who is in a round must not depend on the machine.
 */
export function demoEnvironment(): NodeJS.ProcessEnv {
  const seen = Object.entries(process.env).filter(([name]) => !foreignSettings.test(name));
  return { ...Object.fromEntries(seen), WARDROUND_COORDINATOR__SETTLE_MS: '600000' };
}

function roundDetail(view: RunView): string {
  const last = view.rounds.findLast((round) => round.phase === 'published' && round.round > 0);
  const loss = last?.metrics.lossLast;
  return loss === undefined ? 'summaries of the data' : `loss ${loss.toFixed(4)}, ${last?.sites.length ?? 0} sites`;
}

async function watchRun(scene: Scene, operator: OperatorPort, run: RunId): Promise<RunView> {
  let last: RunView | null = null;
  let judging = false;
  for await (const view of operator.watchRun(run, scene.signal)) {
    last = view;
    const done = view.rounds.filter((round) => round.round > 0 && round.phase === 'published').length;
    scene.progress.rounds(run, done, view.roundsPlanned, roundDetail(view));
    if (view.status === 'judging' && !judging) {
      judging = true;
      scene.progress.stage(`release ${view.release ?? ''} is signed; each hospital judges it on its own patients`);
    }
    if (view.status === 'paused') break;
  }
  scene.progress.end();
  if (last?.status !== 'finished') {
    throw new SimulationError(
      'run_not_finished',
      `The run ${run} is ${last?.status ?? 'unknown'}: ${last?.reason ?? 'no reason given'}`,
      { run },
    );
  }
  return last;
}

async function play(scene: Scene, operator: OperatorPort, act: Act): Promise<RunOutcome> {
  const { loaded, text } = act.plan;
  scene.progress.stage(`${act.title}: run start with plan ${loaded.digest.slice(0, 12)}`);
  const started = await operator.startRun(text, {});
  await scene.stage.approve(loaded.digest, scene.agents);
  scene.progress.stage(`${act.sites.length} hospitals have approved the plan and signed the policy that will judge`);
  const view = await watchRun(scene, operator, started.run);
  const releases: ReleaseView[] = view.release === null ? [] : [await operator.showRelease(view.release)];
  return { title: act.title, seed: null, plan: loaded.plan, view, releases };
}

async function perform(stage: Stage, story: Story, needs: DemoNeeds): Promise<Outcome> {
  const { progress, signal } = needs;
  const [first, second] = story.acts;
  const sites = first.sites.map(({ site }) => site);
  progress.stage('consortium init: authority, certificates, database');
  const address = await stage.openConsortium();
  const coordinator = await stage.startCoordinator();
  progress.stage(`the coordinator listens on ${address}: TLS 1.3, client certificates required`);
  await stage.enrol(sites);
  progress.stage(`${sites.length} hospitals were invited and have enrolled, each with a key of its own`);
  for (const table of first.sites) await stage.prepare(table, first.plan.loaded.plan, story.holdoutColumn);
  const agents = new Map(
    await Promise.all(sites.map(async (site): Promise<[SiteName, Child]> => [site, await stage.startAgent(site)])),
  );
  progress.stage(`${agents.size} agents attend: five processes`);
  const scene: Scene = { stage, story, progress, signal, agents };
  const runs = await Promise.race([
    withOperator(stage.consortium, async (operator) => {
      const before = await play(scene, operator, first);
      for (const table of second.sites) await writePatients(stage.siteDirectory(table.site), table);
      progress.stage('the record systems of all hospitals but one have changed');
      return [before, await play(scene, operator, second)];
    }),
    ...[coordinator, ...agents.values()].map((child) => child.died),
  ]);
  return {
    kind: 'demo',
    title: 'Wardround: four hospitals train together',
    description: story.description,
    remarks: story.remarks,
    runs,
  };
}

/** What people at the hospitals and the consortium would open. */
async function pagesOf(stage: Stage, story: Story, outcome: Outcome): Promise<Record<string, string>> {
  const pages: Record<string, string> = {};
  for (const { site } of story.acts[0].sites) {
    const folder = join(stage.siteDirectory(site), 'reports');
    for (const name of await readdir(folder)) {
      // Without digest and time, which change from one demo to the next.
      const release = /^(.+)-[0-9a-f]{12}_[^_]*\.html$/.exec(name)?.[1];
      if (release !== undefined) pages[`${site}_${release}.html`] = await readFile(join(folder, name), 'utf8');
    }
  }
  for (const { plan, releases } of outcome.runs) {
    for (const release of releases) {
      pages[`consortium_${release.version.replace('/', '-')}.html`] = consortiumPage(consortiumView(plan, release));
    }
  }
  return pages;
}

/** Rejects when the signal aborts; `release` takes the listener off. */
function interruption(signal: AbortSignal): { readonly promise: Promise<never>; release(): void } {
  const { promise, reject } = withReject();
  const onAbort = (): void => reject(new SimulationError('interrupted'));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  // Whoever waits for it hears of it; nobody needs to.
  promise.catch(() => undefined);
  return { promise, release: () => signal.removeEventListener('abort', onAbort) };
}

function withReject(): { readonly promise: Promise<never>; readonly reject: (reason: Error) => void } {
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  return { promise, reject };
}

/**
 * Plays the demo with real processes on loopback: a consortium, four hospitals, two runs, eight judgements. Whatever happens, no
 * process and, unless `keep`, no directory stays.
 *
 * @throws SimulationError `process_died` with the last words of whoever ended, `process_silent`, `run_not_finished`, `interrupted`
 */
export async function runDemo(settings: DemoSettings, needs: DemoNeeds): Promise<DemoResult> {
  const story = writeStory(settings);
  const directory = await mkdtemp(join(tmpdir(), 'wardround-demo-'));
  const children = createChildren(demoEnvironment(), directory);
  const interrupted = interruption(needs.signal);
  try {
    const stage = createStage(directory, children);
    const performance = perform(stage, story, needs);
    // After an interruption its own end is of no interest.
    performance.catch(() => undefined);
    const outcome = await Promise.race([performance, interrupted.promise]);
    return {
      outcome,
      workDirectory: settings.keep ? directory : null,
      planTexts: story.acts.map((act) => act.plan.text),
      pages: await pagesOf(stage, story, outcome),
    };
  } finally {
    interrupted.release();
    needs.progress.end();
    await children.stopAll();
    if (!settings.keep) await rm(directory, { recursive: true, force: true });
  }
}
