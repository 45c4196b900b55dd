import { WardroundError } from '../shared/runtime/errors.ts';
import { type ExitCode, exitCodes } from '../shared/runtime/exit-codes.ts';
import type { WireErrorCode } from '../shared/wire/wire-error.ts';

const refusals: ReadonlySet<string> = new Set<WireErrorCode>([
  'no_certificate',
  'wrong_authority',
  'certificate_expired',
  'certificate_not_yet_valid',
  'certificate_unknown',
  'certificate_revoked',
  'wrong_role',
  'wrong_site',
  'token_unknown',
  'token_used',
  'token_expired',
  'token_wrong_name',
  'fingerprint_mismatch',
]);

/** By full code: `plan.unknown_key` or `config.not_found` is a file that is wrong, not a run or site that is not there. */
const missing: ReadonlySet<string> = new Set([
  'wire.not_found',
  'agent.unknown_plan',
  'agent.unknown_task',
  'agent.unknown_model',
]);

function exitCodeOf(error: WardroundError): ExitCode {
  if (error.code === 'interrupted') return exitCodes.interrupted;
  if (missing.has(error.fullCode)) return exitCodes.notFound;
  if (error.subsystem === 'wire' && refusals.has(error.code)) return exitCodes.refused;
  if (error.advice === 'retry') return exitCodes.unavailable;
  if (error.advice === 'reject') return exitCodes.refused;
  if (error.code === 'internal') return exitCodes.unexpected;
  return exitCodes.badInput;
}

/** What a person at the terminal is told of an error, and what a script is told by the exit code. */
export function describeFailure(error: unknown): { readonly text: string; readonly exitCode: ExitCode } {
  if (error instanceof WardroundError) {
    return { text: `${error.message}\n(${error.fullCode})`, exitCode: exitCodeOf(error) };
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { text: 'Stopped.', exitCode: exitCodes.interrupted };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `Unexpected error; this is a defect, please report it.\n${text}`, exitCode: exitCodes.unexpected };
}
