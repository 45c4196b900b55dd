import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withOperator } from '../../coordinator/cli/operator-directory.ts';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import type { RunId } from '../../shared/runtime/ids.ts';
import type { OperatorPort, ReleaseView, RunView } from '../../shared/wire/operator-port.ts';
import type { Outcome, RunOutcome } from '../report/outcome.ts';
import { SimulationError } from '../simulation-error.ts';
import { heartQuery, writePatients, writeSiteConfig } from '../site-setup.ts';
import { type Child, type Children, createChildren } from './children.ts';
import { freePort } from './free-port.ts';
import type { Progress } from './progress.ts';
import { type Act, type Story, type StorySettings, writeStory } from './story.ts';

const readyTimeoutMs = 30_000;
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
}

interface Scene {
  readonly directory: string;
  readonly consortium: string;
  readonly story: Story;
  readonly children: Children;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const siteDirectory = (scene: Scene, site: string): string => join(scene.directory, site);

async function openConsortium(scene: Scene): Promise<Child> {
  const { children, consortium, progress } = scene;
  const port = await freePort();
  progress.stage('consortium init: authority, certificates, database');
  await children.run('consortium init', [
    ...['consortium', 'init', consortium, '--name', 'Demo consortium'],
    ...['--address', `127.0.0.1:${port}`],
  ]);
  const coordinator = children.start('the coordinator', ['coordinator', 'start', consortium]);
  await coordinator.waitForLine(/coordinator listens/, readyTimeoutMs);
  progress.stage(`coordinator listens on 127.0.0.1:${port}, TLS 1.3, client certificates required`);
  return coordinator;
}

async function enrolSites(scene: Scene): Promise<void> {
  const { children, consortium, progress, story } = scene;
  const sites = story.acts[0].sites.map((table) => table.site);
  const tokens = await Promise.all(
    sites.map(async (site) =>
      (await children.run(`site invite ${site}`, ['site', 'invite', site, '--consortium', consortium])).trim(),
    ),
  );
  progress.stage(`${sites.length} invitations made; the hospitals enrol, each with a key of its own`);
  await Promise.all(
    sites.map((site, index) =>
      children.run(`site enrol at ${site}`, [
        'site',
        'enrol',
        tokens[index] as string,
        '--dir',
        siteDirectory(scene, site),
      ]),
    ),
  );
  const [first] = story.acts;
  for (const table of first.sites) {
    const directory = siteDirectory(scene, table.site);
    await writePatients(directory, table);
    await writeSiteConfig(directory, first.plan.loaded.plan, {
      query: heartQuery,
      holdoutColumn: story.holdoutColumn,
      approval: 'manual',
    });
  }
}

async function startAgents(scene: Scene): Promise<Child[]> {
  const agents = scene.story.acts[0].sites.map(({ site }) =>
    scene.children.start(`the agent of ${site}`, ['site', 'start', '--dir', siteDirectory(scene, site)]),
  );
  await Promise.all(agents.map((agent) => agent.waitForLine(/connected to the coordinator/, readyTimeoutMs)));
  scene.progress.stage(`${agents.length} agents attend: five processes`);
  return agents;
}

function roundDetail(view: RunView): string {
  const last = view.rounds.findLast((round) => round.phase === 'published' && round.round > 0);
  const loss = last?.metrics.lossLast;
  return loss === undefined ? view.status : `loss ${loss.toFixed(4)}, ${last?.sites.length ?? 0} sites`;
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

async function play(
  scene: Scene,
  operator: OperatorPort,
  act: Act,
  index: number,
  agents: readonly Child[],
): Promise<RunOutcome> {
  const { loaded, text } = act.plan;
  const planFile = join(scene.directory, `plan-${index + 1}.yaml`);
  await writeFileAtomically(planFile, text);
  scene.progress.stage(`run start: ${act.title}; plan ${loaded.digest.slice(0, 12)}`);
  const started = await operator.startRun(text, { fileName: `plan-${index + 1}.yaml` });
  const arrived = new RegExp(`${loaded.digest}.*waits for approval`);
  await Promise.all(agents.map((agent) => agent.waitForLine(arrived, readyTimeoutMs)));
  await Promise.all(
    act.sites.map(({ site }) =>
      scene.children.run(`site approve at ${site}`, [
        'site',
        'approve',
        loaded.digest,
        '--dir',
        siteDirectory(scene, site),
      ]),
    ),
  );
  scene.progress.stage(`${act.sites.length} hospitals have approved the plan and signed the policy that will judge`);
  const view = await watchRun(scene, operator, started.run);
  const releases: ReleaseView[] = view.release === null ? [] : [await operator.showRelease(view.release)];
  return { title: act.title, seed: null, plan: loaded.plan, view, releases };
}

async function perform(scene: Scene): Promise<Outcome> {
  const { story, consortium } = scene;
  const coordinator = await openConsortium(scene);
  await enrolSites(scene);
  const agents = await startAgents(scene);
  const runs = await Promise.race([
    withOperator(consortium, async (operator) => {
      const first = await play(scene, operator, story.acts[0], 0, agents);
      scene.progress.stage('the record systems change at every hospital but one');
      for (const table of story.acts[1].sites) await writePatients(siteDirectory(scene, table.site), table);
      const second = await play(scene, operator, story.acts[1], 1, agents);
      return [first, second];
    }),
    ...[coordinator, ...agents].map((child) => child.died),
  ]);
  return {
    kind: 'demo',
    title: 'Wardround: four hospitals train together',
    description: story.description,
    remarks: story.remarks,
    runs,
  };
}

/** Rejects when the signal aborts; the way back takes the listener off. */
function interrupted(signal: AbortSignal): { readonly promise: Promise<never>; release(): void } {
  let release = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    const onAbort = (): void => reject(new SimulationError('interrupted'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    release = () => signal.removeEventListener('abort', onAbort);
  });
  return { promise, release: () => release() };
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
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreignSettings.test(name)));
  const children = createChildren(environment, directory);
  const stop = interrupted(needs.signal);
  try {
    const scene: Scene = {
      directory,
      consortium: join(directory, 'consortium'),
      story,
      children,
      progress: needs.progress,
      signal: needs.signal,
    };
    const performance = perform(scene);
    // After an interruption its own end is of no interest.
    performance.catch(() => undefined);
    const outcome = await Promise.race([performance, stop.promise]);
    return {
      outcome,
      workDirectory: settings.keep ? directory : null,
      planTexts: story.acts.map((act) => act.plan.text),
    };
  } finally {
    stop.release();
    needs.progress.end();
    await children.stopAll();
    if (!settings.keep) await rm(directory, { recursive: true, force: true });
  }
}
