import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { WardroundError } from '../shared/runtime/errors.ts';
import { type ExitCode, exitCodes } from '../shared/runtime/exit-codes.ts';

const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;

/** Parses the arguments, runs one command and gives back its exit code. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  const program = new Command('wardround')
    .description('Federated learning for hospitals: train together, keep the rows, judge before use.')
    .version(version)
    .exitOverride();
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.badInput;
    if (error instanceof WardroundError) {
      console.error(`${error.fullCode}: ${error.message}`);
      return exitCodes.badInput;
    }
    console.error(error);
    return exitCodes.unexpected;
  }
}
