import type { Command } from 'commander';
import { interruptible } from '../../shared/runtime/interruptible.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { readSiteConfig } from '../config.ts';
import { startSiteAgent } from '../main.ts';
import { type SiteOptions, siteDirectory, siteOptions } from './options.ts';

async function run(options: SiteOptions): Promise<void> {
  const directory = siteDirectory(options);
  const config = await readSiteConfig(directory);
  await interruptible(async (signal) => {
    console.log(`Agent of ${directory} starts; Ctrl-C stops it.`);
    await startSiteAgent(directory, { signal, log: createLogger({ level: config.logLevel, name: 'site-agent' }) });
    console.log(`Agent of ${directory} has stopped.`);
  });
}

export function registerStart(site: Command): void {
  siteOptions(site.command('start'), { json: false })
    .description('run the agent: attend at the coordinator, train and judge under approved plans, until it is stopped')
    .action(run);
}
