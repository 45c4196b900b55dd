import { resolve } from 'node:path';
import { type Command, Option } from 'commander';

export interface SiteOptions {
  readonly dir: string;
  readonly json?: boolean;
}

/** Adds `--dir`, and `--json` where the command lists something. */
export function siteOptions(command: Command, options: { readonly json: boolean }): Command {
  command.addOption(new Option('--dir <dir>', 'directory of the site').env('WARDROUND_SITE').default('.'));
  return options.json ? command.option('--json', 'print one JSON value') : command;
}

export function siteDirectory(options: SiteOptions): string {
  return resolve(options.dir);
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** `2025-03-01 10:15:00` in UTC. */
export function timeText(ms: number | null): string {
  return ms === null ? '-' : new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
