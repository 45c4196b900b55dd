import type { Command } from 'commander';
import { createLogger } from '../../shared/runtime/logger.ts';
import { readSiteConfig } from '../config.ts';
import { startSiteAgent } from '../main.ts';
import { type SiteOptions, siteDirectory, siteOptions } from './options.ts';

async function run(options: SiteOptions): Promise<void> {
  const directory = siteDirectory(options);
  const config = await readSiteConfig(directory);
  const stopping = new AbortController();
  const stop = (): void => {
    // A second signal finds no listener, and ends the process.
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    stopping.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    console.log(`Agent of ${directory} starts; Ctrl-C stops it.`);
    await startSiteAgent(directory, {
      signal: stopping.signal,
      log: createLogger({ level: config.logLevel, name: 'site-agent' }),
    });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

export function registerStart(site: Command): void {
  siteOptions(site.command('start'), { json: false })
    .description('run the agent: attend at the coordinator, train and judge under approved plans, until it is stopped')
    .action(run);
}
