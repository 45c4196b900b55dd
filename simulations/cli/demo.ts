import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { interruptible } from '../../shared/runtime/interruptible.ts';
import { createProgress } from '../demo/progress.ts';
import { runDemo } from '../demo/run-demo.ts';
import { summariseOutcome } from '../report/summary.ts';
import { decisionTable } from '../report/text-table.ts';
import { openOutput, writeResults } from '../report/write-results.ts';

interface DemoOptions {
  readonly data?: string;
  readonly out: string;
  readonly keep?: boolean;
  readonly seed: number;
  readonly rows: number;
  readonly rounds: number;
  readonly json?: boolean;
}

function whole(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < lowest || value > highest) {
      throw new InvalidArgumentError(`a whole number from ${lowest} to ${highest}`);
    }
    return value;
  };
}

async function demo(options: DemoOptions): Promise<void> {
  const out = resolve(options.out);
  const startedMs = performance.now();
  const elapsedMs = (): number => performance.now() - startedMs;
  await openOutput(out);
  const progress = createProgress(process.stderr, elapsedMs);
  const { outcome, workDirectory, planTexts, pages } = await interruptible((signal) =>
    runDemo(
      {
        data: options.data === undefined ? null : resolve(options.data),
        seed: options.seed,
        rows: options.rows,
        rounds: options.rounds,
        keep: options.keep === true,
      },
      { signal, progress },
    ),
  );
  // Drawing is asked for only now: its library takes as long to load as a hospital to enrol.
  const { reportHtml } = await import('../report/report-html.ts');
  const summary = summariseOutcome(outcome);
  await writeResults(out, {
    'summary.json': `${JSON.stringify(summary, null, 2)}\n`,
    'report.html': reportHtml(outcome),
    ...Object.fromEntries(planTexts.map((text, index) => [`plan-${index + 1}.yaml`, text])),
  });
  await openOutput(join(out, 'pages'));
  await writeResults(join(out, 'pages'), pages);
  if (options.json === true) {
    console.log(JSON.stringify(summary));
    return;
  }
  console.log(`\n${decisionTable(outcome)}\n`);
  console.log(`Done in ${(elapsedMs() / 1000).toFixed(1)} s. No process and no port is left.`);
  console.log(`Report:  ${join(out, 'report.html')}\nFigures: ${join(out, 'summary.json')}`);
  console.log(
    `Pages:   ${join(out, 'pages')}: every judgement as its hospital sees it, every release as the consortium does`,
  );
  if (workDirectory !== null) console.log(`Directories of the coordinator and the hospitals: ${workDirectory}`);
}

export function register(program: Command): void {
  program
    .command('demo')
    .description(
      'four hospitals on this machine, five processes with mutual TLS: two runs, two releases, eight judgements',
    )
    .option('--data <dir>', 'the published heart-disease files instead of drawn patients (processed.*.data)')
    .option('--out <dir>', 'where summary.json and report.html are written', 'demo-out')
    .option('--keep', 'keep the directories of the coordinator and the hospitals, to look into them')
    .option('--seed <number>', 'seed of the drawn patients and of training', whole(0, 0xffff_ffff), 7)
    .option('--rows <number>', 'patients of each drawn hospital', whole(200, 100_000), 2400)
    .option('--rounds <number>', 'rounds of each run', whole(1, 1000), 10)
    .option('--json', 'print the summary as JSON instead of the table')
    .action(demo);
}
