import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { createIdentityStore } from '../../certs/identity-store.ts';
import { baseWeightsObject } from '../../shared/graph/onnx-read/base-weights.ts';
import { countText } from '../../shared/graph/work.ts';
import type { LoadedPlan } from '../../shared/plan/load-plan.ts';
import { exitCodes } from '../../shared/runtime/exit-codes.ts';
import { interruptible } from '../../shared/runtime/interruptible.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { AgentError } from '../agent/agent-error.ts';
import { parsePreprocessing } from '../agent/downloads.ts';
import { type DryRun, type DryRunGround, dryRun } from '../agent/dry-run.ts';
import { openObjects } from '../agent/objects.ts';
import { createTaskStore } from '../agent/task-store.ts';
import { readSiteConfig } from '../config.ts';
import { type EngineChoice, engineChoices } from '../training/engine-choice.ts';
import { clippedText } from './clipped-text.ts';
import { findPlan } from './find-plan.ts';
import { withStore } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions } from './options.ts';

interface TrainOptions extends SiteOptions {
  readonly plan: string;
  readonly dryRun?: boolean;
  readonly engine?: EngineChoice;
}

/** What the rounds of this plan have brought here; nothing before enrolment. */
async function brought(
  directory: string,
  plan: LoadedPlan,
): Promise<Pick<DryRunGround, 'site' | 'preprocessing' | 'baseWeights'>> {
  const identity = createIdentityStore(join(directory, 'identity'));
  if (!(await identity.exists())) {
    return { site: 'this-site', preprocessing: null, baseWeights: plan.baseWeights ?? null };
  }
  const { site } = await identity.read();
  return withStore(directory, async (store) => {
    const objects = openObjects(directory);
    const digest = createTaskStore(store).preprocessingOf(plan.digest);
    const bytes = digest === null ? null : await objects.read(digest).catch(() => null);
    const base = baseWeightsObject(plan.plan);
    const kept = base === null || !(await objects.has(base)) ? null : await objects.read(base.digest);
    return {
      site,
      preprocessing: bytes === null ? null : parsePreprocessing(bytes, plan.digest),
      baseWeights: plan.baseWeights ?? kept,
    };
  });
}

const size = (bytes: number): string =>
  bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
const figure = (value: number): string => String(Number(value.toPrecision(4)));

/** `2.4 s`, `3 min 20 s`, `2 h 5 min`. */
function duration(seconds: number): string {
  if (seconds < 60) return `${figure(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function print(plan: LoadedPlan, run: DryRun): void {
  console.log(`Plan ${plan.plan.name} (${plan.digest.slice(0, 12)}): one local epoch, nothing sent.`);
  console.log(
    `  rows            ${run.rows}` +
      (run.validationRows === 0 ? '' : `, and ${run.validationRows} set aside to validate on`),
  );
  console.log(`  engine          ${run.engine.runsOn}`);
  console.log(`  why             ${run.engine.because}`);
  console.log(`  precision       ${run.precision === 'mixed' ? 'float16, with weights in float32' : 'float32'}`);
  console.log(
    `  steps           ${run.steps}${run.rowsAtOnce === null ? '' : ` of at most ${run.rowsAtOnce} rows at once`}`,
  );
  console.log(`  loss            ${figure(run.lossFirst)} over the epoch`);
  if (run.clipping !== null)
    console.log(`  clipped         ${clippedText(run.clipping)} of the rows, by perExampleClip`);
  if (run.validationLoss !== null) console.log(`  validation      ${figure(run.validationLoss)} after it`);
  console.log(`  time            ${duration(run.seconds)}`);
  console.log(`  a row           ${countText(run.workPerRow.multiplyAdds)} multiply-adds, without training`);
  console.log(
    `  a round         ${run.round.steps} steps, ${countText(run.round.multiplyAdds)} multiply-adds, about ${duration(run.round.seconds)}`,
  );
  console.log(`  peak memory     ${size(run.peakMemoryBytes)}`);
  console.log(`  an update       ${size(run.updateBytes)}`);
  for (const note of run.notes) console.log(`Note: ${note}`);
  console.log('No connection was opened, nothing was sent, and the weights were thrown away.');
}

async function run(options: TrainOptions): Promise<void> {
  if (options.dryRun !== true) {
    throw new AgentError(
      'dry_run_only',
      'A site trains when its coordinator asks, in a round. Here it can be tried: add --dry-run.',
    );
  }
  const directory = siteDirectory(options);
  const config = await readSiteConfig(directory);
  const plan = await findPlan(directory, options.plan);
  await interruptible(async (signal) => {
    try {
      const ground: DryRunGround = {
        directory,
        config,
        plan,
        ...(await brought(directory, plan)),
        ...(options.engine === undefined ? {} : { engine: options.engine }),
      };
      const result = await dryRun(ground, createLogger({ level: 'warn', name: 'site-train' }), signal);
      if (options.json === true) printJson({ ...result, sent: false });
      else print(plan, result);
    } catch (error) {
      if (!signal.aborted) throw error;
      console.error('Stopped. Nothing was sent.');
      process.exitCode = exitCodes.interrupted;
    }
  });
}

export function registerTrain(site: Command): void {
  siteOptions(site.command('train'), { json: true })
    .description("try a plan: train one local epoch on this site's rows, say what it takes, send nothing")
    .option('--dry-run', 'the only way: rounds are trained when the coordinator asks')
    .requiredOption('--plan <plan>', 'a plan file, the digest of a plan that has reached this site, or a run')
    .addOption(
      new Option('--engine <engine>', 'what trains, instead of what site.yaml names').choices([...engineChoices]),
    )
    .action(run);
}
