import type { Command } from 'commander';
import { createLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { type PassedModel, type PassParts, scoreAndWatch } from '../agent/monitor-pass.ts';
import { type PassedOutcomes, takeOutcomeFile } from '../agent/outcome-intake.ts';
import { fileSource } from '../data/row-source.ts';
import { createModelRegistry } from '../models/registry.ts';
import { chooseModel } from './models.ts';
import { type OpenSite, withSite } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions } from './options.ts';
import { printProblems } from './problem-lines.ts';

interface ScoreOptions extends SiteOptions {
  readonly input?: string;
  readonly series?: string;
  readonly images?: string;
  readonly model?: string;
}

function passParts({ directory, store, plans, config, identity, signer }: OpenSite): PassParts {
  return {
    directory,
    site: identity.site,
    config,
    store,
    plans,
    registry: createModelRegistry(store),
    signer,
    clock: systemClock,
    log: createLogger({ level: 'warn', name: 'site-score' }),
  };
}

function printPass({ model, inUse, state, plans, unwatched }: PassedModel): void {
  console.log(
    `${model}: ${inUse === null ? 'no version is in use' : `${inUse} is in use${state === null ? '' : `, ${state}`}`}`,
  );
  for (const { counts, problems: found } of plans) {
    const { rowsRead, problems, notDue, releases, outcomes } = counts;
    console.log(`  ${rowsRead} rows read, ${problems} with problems, ${notDue} that trained or are dated after now`);
    for (const { version, scored, before } of releases) {
      console.log(`  ${version}: ${scored} scored now, ${before} scored before`);
    }
    const { added, early, conflict } = outcomes;
    console.log(`  ${added} outcomes taken${early === 0 ? '' : `, ${early} wait until their window has closed`}`);
    if (conflict > 0) console.log(`  ${conflict} outcomes differ from what was recorded first, which stays`);
    printProblems(found, 'not scored');
  }
  if (unwatched !== null) console.log(`  Not watched: ${unwatched}`);
  if (plans.length === 0 && unwatched === null) console.log('  Nothing to score: no version is in use or waits.');
}

async function score(options: ScoreOptions): Promise<void> {
  await withSite(siteDirectory(options), async (site) => {
    const passed = await scoreAndWatch(
      passParts(site),
      {
        ...(options.input === undefined ? {} : { source: fileSource(options.input, options) }),
        ...(options.model === undefined ? {} : { model: options.model }),
      },
      new AbortController().signal,
    );
    if (options.json === true) {
      printJson({ models: passed });
      return;
    }
    if (passed.length === 0) console.log('No release has reached this site yet.');
    for (const model of passed) printPass(model);
    if (passed.length > 0) console.log('How the models in use stand: wardround site monitor');
  });
}

function printOutcomes({ model, rowsRead, unknown, problems, counts }: PassedOutcomes): void {
  console.log(`${model}: ${rowsRead} rows read, ${counts.added} outcomes taken, ${counts.known} were known.`);
  if (unknown > 0) console.log(`  ${unknown} have no outcome yet`);
  if (counts.early > 0) console.log(`  ${counts.early} wait until their window has closed: give them again then`);
  if (counts.unknown > 0)
    console.log(`  ${counts.unknown} are of rows that no release has scored; they were not taken`);
  if (counts.conflict > 0) console.log(`  ${counts.conflict} differ from what was recorded first, which stays`);
  printProblems(problems, 'not taken');
}

async function outcomes(options: ScoreOptions): Promise<void> {
  if (options.input === undefined) {
    await score(options);
    return;
  }
  const input = options.input;
  await withSite(siteDirectory(options), async (site) => {
    const parts = passParts(site);
    const model = chooseModel(parts.registry, options.model);
    const taken = await takeOutcomeFile(parts, model, input, new AbortController().signal);
    if (options.json === true) printJson(taken);
    else printOutcomes(taken);
  });
}

export function registerScore(site: Command): void {
  siteOptions(site.command('score'), { json: true })
    .description(
      'score new rows with the model in use and those in shadow, keep the predictions here, and watch the model',
    )
    .option('--input <file>', "CSV, Parquet or JSON with new rows in the plan's units, instead of the site's query")
    .option('--series <file>', 'the same of their series, where the plan reads series')
    .option('--images <dir>', "folder of their images, where the plan reads images; the input's folder when left out")
    .option('--model <name>', 'only this model')
    .action(score);
  siteOptions(site.command('outcomes'), { json: true })
    .description('take outcomes that have become known since rows were scored')
    .option('--input <file>', "CSV, Parquet or JSON with patient key, time and outcome; the site's query when left out")
    .option('--model <name>', 'which model, where this site holds several')
    .action(outcomes);
}
