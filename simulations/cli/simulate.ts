import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { interruptible } from '../../shared/runtime/interruptible.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { createProgress } from '../demo/progress.ts';
import { baselinesCsv } from '../report/baselines-csv.ts';
import { roundsCsv } from '../report/rounds-csv.ts';
import { summariseOutcome } from '../report/summary.ts';
import { decisionTable } from '../report/text-table.ts';
import { openOutput, writeResults } from '../report/write-results.ts';
import { runSimulation } from '../run-simulation.ts';
import { loadScenario, shippedScenarios } from '../scenario.ts';

interface SimulateOptions {
  readonly out: string;
  readonly json?: boolean;
}

async function simulate(file: string, options: SimulateOptions): Promise<void> {
  const loaded = loadScenario(file);
  const out = resolve(options.out);
  const startedMs = performance.now();
  await openOutput(out);
  const progress = createProgress(process.stderr, () => performance.now() - startedMs);
  const simulation = await interruptible((signal) =>
    runSimulation(loaded, {
      signal,
      log: createLogger({ level: 'error', name: 'simulation' }),
      onRound(seed, view) {
        const done = view.rounds.filter((round) => round.round > 0 && round.phase === 'published').length;
        progress.rounds(`seed ${seed}`, done, view.roundsPlanned, view.status);
      },
    }),
  ).finally(() => progress.end());
  const { reportHtml } = await import('../report/report-html.ts');
  const summary = summariseOutcome(simulation);
  const files = {
    'report.html': reportHtml(simulation),
    'summary.json': `${JSON.stringify(summary, null, 2)}\n`,
    'rounds.csv': roundsCsv(simulation),
    ...(loaded.scenario.baselines.length === 0 ? {} : { 'baselines.csv': baselinesCsv(simulation) }),
  };
  await writeResults(out, files);
  if (options.json === true) {
    console.log(JSON.stringify(summary));
    return;
  }
  console.log(`\n${decisionTable(simulation)}\n`);
  for (const name of Object.keys(files)) console.log(join(out, name));
}

export function register(program: Command): void {
  program
    .command('simulate')
    .argument('<scenario>', `a scenario file, or ${shippedScenarios.join(', ')}`)
    .description(
      'carry a scenario out in this process: the production coordinator, agents and gate over an in-memory transport',
    )
    .requiredOption(
      '--out <dir>',
      'where summary.json, report.html, rounds.csv and, with baselines, baselines.csv are written',
    )
    .option('--json', 'print the summary as JSON instead of the table')
    .action(simulate);
}
