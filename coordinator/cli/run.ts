import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { loadPlan } from '../../shared/plan/load-plan.ts';
import { filesBeside } from '../../shared/plan/model-file.ts';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { exitCodes } from '../../shared/runtime/exit-codes.ts';
import type { ReleaseVersion, RunId } from '../../shared/runtime/ids.ts';
import type { OperatorPort, RunView } from '../../shared/wire/operator-port.ts';
import { startLoadedPlan } from '../../shared/wire/start-run.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { consortiumOption, withOperator } from './operator-directory.ts';
import { progressLine, roundText, runLine, runText } from './run-text.ts';

interface CommonOptions {
  readonly consortium: string;
  readonly json?: boolean;
}

async function readPlanFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new WireError('invalid_argument', `${file}: the plan cannot be read (${code}).`, { file }, cause);
  }
}

function print(view: RunView, json: boolean | undefined): void {
  console.log(json === true ? JSON.stringify(view) : runText(view));
}

/** Says what changed since the view before, a line each: rounds that were published or failed, and the run's own state. */
function changes(view: RunView, before: RunView | null): string[] {
  const lines: string[] = [];
  for (const round of view.rounds) {
    if (round.phase !== 'published' && round.phase !== 'failed') continue;
    const former = before?.rounds.find((other) => other.round === round.round);
    if (former?.phase === round.phase && former.attempt === round.attempt) continue;
    lines.push(roundText(round, view.roundsPlanned));
  }
  if (before === null || before.status !== view.status || before.reason !== view.reason) lines.push(runLine(view));
  return lines;
}

/** Follows a run to its end, or to a pause, which ends it for a script. Sets the exit code that tells which. */
async function watch(port: OperatorPort, run: RunId, json: boolean | undefined): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error('interrupted'));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, onSignal);
  const live = process.stdout.isTTY === true && json !== true;
  const clear = live ? '\r\u001b[2K' : '';
  let last: RunView | null = null;
  try {
    for await (const view of port.watchRun(run, stop.signal)) {
      if (json !== true) {
        const lines = changes(view, last);
        if (lines.length > 0) process.stdout.write(`${clear}${lines.join('\n')}\n`);
        if (live) process.stdout.write(`${clear}${progressLine(view, process.stdout.columns ?? 80)}`);
      }
      last = view;
      if (view.status === 'paused') break;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    for (const name of signals) process.off(name, onSignal);
    process.stdout.write(clear);
  }
  if (stop.signal.aborted) {
    process.exitCode = exitCodes.interrupted;
    return;
  }
  if (json === true && last !== null) console.log(JSON.stringify(last));
  process.exitCode = last?.status === 'finished' ? exitCodes.ok : exitCodes.runNotFinished;
}

export function register(program: Command): void {
  const group = commandGroup(program, 'run', '(operator) runs of a plan');
  group
    .command('start')
    .argument('<plan>', 'plan file, YAML')
    .description('start a run; it waits until enough sites attend and have approved the plan')
    .option('--from <version>', 'release whose weights it starts from, such as heart-disease/1')
    .option('--watch', 'follow it to its end')
    .addOption(consortiumOption())
    .option('--json', 'print the run as JSON')
    .action(async (file: string, options: CommonOptions & { readonly from?: string; readonly watch?: boolean }) => {
      const text = await readPlanFile(file);
      // Errors of the plan are told here, with lines of the file, before anything is sent.
      const loaded = loadPlan(text, file, filesBeside(file));
      await withOperator(options.consortium, async (port) => {
        const view = await startLoadedPlan(port, text, loaded, {
          fileName: basename(file),
          ...(options.from === undefined ? {} : { from: options.from as ReleaseVersion }),
        });
        if (options.watch === true) await watch(port, view.run, options.json);
        else print(view, options.json);
      });
    });
  group
    .command('list')
    .description('every run, oldest first')
    .addOption(consortiumOption())
    .option('--json', 'print the list as JSON')
    .action(async (options: CommonOptions) => {
      const views = await withOperator(options.consortium, (port) => port.listRuns());
      if (options.json === true) console.log(JSON.stringify(views));
      else console.log(views.length === 0 ? 'No run yet: wardround run start PLAN' : views.map(runLine).join('\n'));
    });
  const single = (
    name: string,
    description: string,
    action: (port: OperatorPort, run: RunId) => Promise<RunView>,
  ): void => {
    group
      .command(name)
      .argument('<run>', 'such as heart-disease-1')
      .description(description)
      .addOption(consortiumOption())
      .option('--json', 'print the run as JSON')
      .action(async (run: string, options: CommonOptions) => {
        print(await withOperator(options.consortium, (port) => action(port, run as RunId)), options.json);
      });
  };
  single('show', 'its rounds, with the sites in each and those left out', (port, run) => port.showRun(run));
  single('pause', 'withdraw the open tasks; resume begins the round anew', (port, run) => port.pauseRun(run));
  single('resume', 'go on with a paused run', (port, run) => port.resumeRun(run));
  single('stop', 'end a run for good; what was published stays', (port, run) => port.stopRun(run));
  group
    .command('watch')
    .argument('<run>', 'such as heart-disease-1')
    .description('follow a run; exit code 0 when it finished, 6 when it failed, was stopped or pauses')
    .addOption(consortiumOption())
    .option('--json', 'print the last view as JSON')
    .action(async (run: string, options: CommonOptions) => {
      await withOperator(options.consortium, (port) => watch(port, run as RunId, options.json));
    });
}
