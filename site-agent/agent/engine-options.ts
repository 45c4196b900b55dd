import { join, resolve } from 'node:path';
import type { SiteConfig } from '../config.ts';
import type { OpenTrainerOptions } from '../training/open-trainer.ts';

/** Where a site's engine keeps its choice, and where optional packages are looked for. */
export function engineOptions(
  directory: string,
  config: Pick<SiteConfig, 'engineDirectory'>,
  signal?: AbortSignal,
): OpenTrainerOptions {
  const { engineDirectory } = config;
  return {
    choicesFile: join(directory, 'state', 'engine-choices.json'),
    ...(engineDirectory === undefined ? {} : { engineDirectory: resolve(directory, engineDirectory) }),
    ...(signal === undefined ? {} : { signal }),
  };
}
