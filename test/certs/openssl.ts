import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why tests that ask OpenSSL cannot run here; undefined when they can. */
export const noOpenssl: string | undefined =
  spawnSync('openssl', ['version']).status === 0 ? undefined : 'the openssl command is not installed';

/** Runs `openssl` and gives back what it printed, on both streams; throws when it fails. */
export async function openssl(args: readonly string[], directory: string): Promise<string> {
  const running = run('openssl', [...args], { cwd: directory, timeout: 30_000 });
  // Some subcommands read until their input ends.
  running.child.stdin?.end();
  const { stdout, stderr } = await running;
  return stdout + stderr;
}
