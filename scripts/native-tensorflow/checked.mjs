import { spawnSync } from 'node:child_process';

/** Something the user can mend; its message says how. */
export class SetupError extends Error {}

/** Runs a command to its end. @throws SetupError with what it said and `advice` */
export function checked(command, args, advice, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20, ...options });
  if (result.error !== undefined || result.status !== 0) {
    const said = result.error?.message ?? `${result.stderr}${result.stdout}`.trim().split('\n').slice(-20).join('\n');
    throw new SetupError(`${command} failed: ${said}\n${advice}`);
  }
  return result.stdout.trim();
}
