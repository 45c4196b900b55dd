import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { type ExitCode, exitCodes } from '../shared/runtime/exit-codes.ts';
import { describeFailure } from './failure.ts';

interface CommandModule {
  register(program: Command): void;
}

/** Modules behind each first word, loaded only when that word is used: an agent does not load the coordinator's code, nor the other way. */
const modulesByWord: Readonly<Record<string, readonly (() => Promise<CommandModule>)[]>> = {
  consortium: [() => import('../coordinator/cli/consortium.ts')],
  coordinator: [() => import('../coordinator/cli/coordinator.ts')],
  run: [() => import('../coordinator/cli/run.ts')],
  release: [() => import('../coordinator/cli/release.ts')],
  sites: [() => import('../coordinator/cli/sites.ts')],
  audit: [() => import('../coordinator/cli/audit.ts')],
  site: [
    () => import('../coordinator/cli/invite.ts'),
    () => import('../site-agent/cli/enrol.ts'),
    () => import('../site-agent/cli/site.ts'),
  ],
  judge: [() => import('../site-agent/cli/judge.ts')],
  packet: [() => import('./packet.ts')],
  plan: [() => import('./plan.ts')],
  policy: [() => import('./plan.ts')],
  cohort: [() => import('../simulations/cli/cohort.ts')],
  simulate: [() => import('../simulations/cli/simulate.ts')],
  demo: [() => import('../simulations/cli/demo.ts')],
};

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function loadModules(word: string | undefined): Promise<readonly CommandModule[]> {
  const loaders = word === undefined ? undefined : modulesByWord[word];
  const wanted = loaders ?? [...new Set(Object.values(modulesByWord).flat())];
  const modules = await Promise.all(wanted.map((load) => load()));
  return [...new Set(modules)];
}

/** Commander checks `exitOverride` on each command, not only on the program. */
function overrideExits(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) overrideExits(child);
}

/**
 * Parses the arguments, runs one command and gives back its exit code. A command that ends well but has
 * something to tell a script (a run that was stopped) sets `process.exitCode` itself, which is kept.
 */
export async function run(args: readonly string[]): Promise<ExitCode> {
  const program = new Command('wardround')
    .description('Federated learning for hospitals: train together, keep the rows, judge every model before use.')
    .version(packageVersion())
    .showHelpAfterError('(add --help for the options)');
  try {
    for (const module of await loadModules(args.find((word) => !word.startsWith('-')))) module.register(program);
    overrideExits(program);
    await program.parseAsync([...args], { from: 'user' });
    return (process.exitCode as ExitCode | undefined) ?? exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed help, the version or its complaint by itself; help without a command is its exit code 1.
      return error.exitCode === 0 || error.code === 'commander.help' ? exitCodes.ok : exitCodes.badInput;
    }
    const failure = describeFailure(error);
    process.stderr.write(`${failure.text}\n`);
    return failure.exitCode;
  }
}
