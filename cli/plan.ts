import { readFileSync, statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { loadPlan, loadPolicy, maximumPlanBytes } from '../shared/plan/load-plan.ts';
import { filesBeside } from '../shared/plan/model-file.ts';
import { PlanError, planErrorOf } from '../shared/plan/plan-error.ts';
import { planSummary, policyText } from '../shared/plan/plan-summary.ts';
import { strictnessViolations } from '../shared/plan/strictness.ts';
import { commandGroup } from '../shared/runtime/command-group.ts';
import { ConfigError } from '../shared/runtime/config-error.ts';
import { exitCodes } from '../shared/runtime/exit-codes.ts';

interface JsonOption {
  readonly json?: boolean;
}

/** Reads a plan or policy file. @throws ConfigError when it is not there or cannot be read, PlanError `too_large` */
function readText(file: string): string {
  try {
    const facts = statSync(file);
    if (!facts.isFile()) throw new ConfigError('unreadable', `${file}: is not a file`, { file });
    if (facts.size > maximumPlanBytes) {
      throw planErrorOf(file, [
        {
          code: 'too_large',
          path: '',
          message: `the file has ${facts.size} bytes; the most is ${maximumPlanBytes}. Is it the right file?`,
          position: null,
        },
      ]);
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new ConfigError('not_found', `${file}: there is no such file`, { file }, cause);
    if (cause instanceof ConfigError || cause instanceof PlanError) throw cause;
    throw new ConfigError('unreadable', `${file}: cannot be read (${code ?? 'unknown error'})`, { file }, cause);
  }
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function checkPlan(file: string, options: JsonOption): void {
  const { plan, digest } = loadPlan(readText(file), file, filesBeside(file));
  if (options.json === true) printJson({ file, valid: true, name: plan.name, digest });
  else process.stdout.write(`${planSummary(plan, digest, process.stdout.columns)}The plan is valid.\n`);
}

function digestPlan(file: string, options: JsonOption & { readonly canonical?: boolean }): void {
  const { plan, digest, canonical } = loadPlan(readText(file), file, filesBeside(file));
  // The canonical bytes alone: what the digest is taken over, without a line end.
  if (options.canonical === true) process.stdout.write(canonical);
  else if (options.json === true) printJson({ file, name: plan.name, digest });
  else process.stdout.write(`${digest}\n`);
}

function checkPolicy(file: string, options: JsonOption & { readonly against?: string }): void {
  const { policy, digest } = loadPolicy(readText(file), file);
  const bound =
    options.against === undefined
      ? null
      : loadPlan(readText(options.against), options.against, filesBeside(options.against));
  const violations = bound === null ? [] : strictnessViolations(policy, bound.plan.gate);
  if (options.json === true) {
    printJson({
      file,
      valid: true,
      name: policy.name,
      digest,
      ...(bound === null ? {} : { against: bound.digest, strictEnough: violations.length === 0, violations }),
    });
  } else {
    process.stdout.write(`${'policy'.padEnd(13)} ${policyText(policy)}\n${'digest'.padEnd(13)} ${digest}\n`);
    if (bound === null) process.stdout.write('The policy is valid.\n');
    else if (violations.length === 0) {
      process.stdout.write(`The policy is valid and at least as strict as plan ${bound.plan.name}.\n`);
    } else {
      process.stdout.write(`The policy is looser than plan ${bound.plan.name}; a hospital may only be stricter:\n`);
      for (const violation of violations) process.stdout.write(`  ${violation}\n`);
    }
  }
  if (violations.length > 0) process.exitCode = exitCodes.refused;
}

/** With --json, what is wrong with a file is data for a script as well; the exit code says that it was refused. */
function withJsonProblems<Options extends JsonOption>(
  action: (file: string, options: Options) => void,
): (file: string, options: Options) => void {
  return (file, options) => {
    try {
      action(file, options);
    } catch (error) {
      if (options.json !== true || !(error instanceof PlanError)) throw error;
      printJson({ file: error.details.file ?? file, valid: false, problems: error.problems });
      process.exitCode = exitCodes.badInput;
    }
  };
}

/** Adds `plan check`, `plan digest` and `policy check`. */
export function register(program: Command): void {
  const plan = commandGroup(program, 'plan', 'Check plans before they are started or approved.');
  plan
    .command('check')
    .description('Check a plan file and print what it asks for; every problem is named with its line.')
    .argument('<file>', 'plan in YAML or JSON')
    .option('--json', 'print one JSON value')
    .action(withJsonProblems(checkPlan));
  plan
    .command('digest')
    .description('Print the SHA-256 of the canonical form: the name under which hospitals approve the plan.')
    .argument('<file>', 'plan in YAML or JSON')
    .option('--json', 'print one JSON value')
    .addOption(
      new Option('--canonical', 'print the canonical JSON itself, which sha256sum gives the digest of').conflicts(
        'json',
      ),
    )
    .action(withJsonProblems(digestPlan));
  commandGroup(program, 'policy', "Check a hospital's gate policy.")
    .command('check')
    .description('Check a policy file, and that it is at least as strict as a plan asks.')
    .argument('<file>', 'policy in YAML or JSON')
    .option('--against <plan>', 'plan whose gate is the bound; exit code 3 when the policy is looser')
    .option('--json', 'print one JSON value')
    .action(withJsonProblems(checkPolicy));
}
