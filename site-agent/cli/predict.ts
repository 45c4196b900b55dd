import type { Command } from 'commander';
import { AgentError } from '../agent/agent-error.ts';
import { createMonitorStore } from '../agent/monitor-store.ts';
import type { AgentStore } from '../agent/store.ts';
import { predictFile } from '../data/predict.ts';
import { openScorer } from '../judging/scorer.ts';
import { readModel } from '../models/model-files.ts';
import { createModelRegistry } from '../models/registry.ts';
import { chooseModel } from './models.ts';
import { withSite } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions, timeText } from './options.ts';
import { printProblems } from './problem-lines.ts';

interface PredictOptions extends SiteOptions {
  readonly input: string;
  readonly output: string;
  readonly model?: string;
  readonly series?: string;
  readonly images?: string;
}

const modelFile = 'model.onnx';

/** A model that was taken out of use is no longer used by mistake: the error says when, and why. */
function whyNoneInUse(store: AgentStore, model: string): string | undefined {
  const left = createMonitorStore(store)
    .states()
    .findLast((entry) => entry.model === model && entry.state === 'withdrawn');
  if (left === undefined) return undefined;
  const why =
    left.reasons.length === 0
      ? ''
      : ` because of ${left.reasons.map(({ signal, level }) => `${signal} (${level})`).join(', ')}`;
  return (
    `${left.version} was withdrawn from use on ${timeText(left.sinceMs)} UTC${why}, and no other version of ${model} is in use. ` +
    'See: wardround site monitor'
  );
}

async function run(options: PredictOptions): Promise<void> {
  await withSite(siteDirectory(options), async ({ config, directory, store, plans, signer }) => {
    const registry = createModelRegistry(store);
    const model = chooseModel(registry, options.model);
    const active = registry.inSlot(model, 'active');
    if (active === null) throw new AgentError('no_active_model', whyNoneInUse(store, model), { model });
    const plan = plans.load(active.plan);
    if (plan === null) throw new AgentError('unknown_plan', undefined, { plan: active.plan });
    const bytes = (await readModel(directory, active, signer)).files.get(modelFile);
    if (bytes === undefined) throw new AgentError('model_damaged', `${active.version} has no ${modelFile}.`);
    const memoryMegabytes = config.trainingMemoryMegabytes;
    const scorer = await openScorer(bytes, { model: active.version, memoryMegabytes });
    try {
      const result = await predictFile({ plan: plan.plan, scorer }, options);
      if (options.json === true) {
        printJson({ release: active.version, digest: active.digest, ...result });
        return;
      }
      const units = plan.plan.data.columns.flatMap((column) =>
        column.kind === 'continuous' && column.summary === undefined ? [`${column.name} in ${column.unit}`] : [],
      );
      if (plan.plan.data.payload?.kind === 'series') {
        units.push(...plan.plan.data.payload.channels.map(({ name, unit }) => `${name} in ${unit}`));
      }
      if (units.length > 0) console.log(`The file was read as: ${units.join(', ')}.`);
      console.log(
        `${active.version}: ${result.rowsWritten} of ${result.rowsRead} rows scored, written to ${options.output}.`,
      );
      printProblems(result.problems, 'not scored');
    } finally {
      await scorer.dispose();
    }
  });
}

export function registerPredict(site: Command): void {
  siteOptions(site.command('predict'), { json: true })
    .description('run the active model over a file and write patient key and probability')
    .requiredOption('--input <file>', "CSV, Parquet or JSON with the plan's columns, in the plan's units")
    .option('--series <file>', 'the same of their series, where the plan reads series')
    .option('--images <dir>', "folder of their images, where the plan reads images; the input's folder when left out")
    .requiredOption('--output <file>', 'CSV, JSON or NDJSON to write')
    .option('--model <name>', 'which model, where this site holds several')
    .action(run);
}
