import type { Command } from 'commander';
import type { ReleaseVersion } from '../../shared/runtime/ids.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { AgentError } from '../agent/agent-error.ts';
import { judgeAgain } from '../agent/judge-again.ts';
import { createTaskStore } from '../agent/task-store.ts';
import { createModelRegistry } from '../models/registry.ts';
import { chooseModel } from './models.ts';
import { withSite } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions } from './options.ts';

interface JudgeOptions extends SiteOptions {
  readonly model?: string;
}

async function run(version: string | undefined, options: JudgeOptions): Promise<void> {
  await withSite(siteDirectory(options), async ({ directory, store, plans, config, identity, signer }) => {
    const registry = createModelRegistry(store);
    const chosen = version ?? registry.inSlot(chooseModel(registry, options.model), 'candidate')?.version;
    if (chosen === undefined) {
      throw new AgentError('not_on_hold', 'No release is on hold here. Name one in use to judge it anew.');
    }
    const judgement = await judgeAgain(
      {
        directory,
        site: identity.site,
        config,
        store,
        plans,
        registry,
        signer,
        tasks: createTaskStore(store),
        clock: systemClock,
        log: createLogger({ level: 'warn', name: 'site-judge' }),
      },
      chosen as ReleaseVersion,
      new AbortController().signal,
    );
    const { decision, reasons } = judgement.decision;
    if (options.json === true) {
      printJson({ release: chosen, ...judgement.decision, look: judgement.evidence.look });
      return;
    }
    console.log(`${chosen}: ${decision}`);
    for (const { code, text, settles } of reasons) {
      console.log(`  ${code}: ${text}`);
      if (settles !== undefined) console.log(`    What would settle it: ${settles}`);
    }
  });
}

export function registerJudgeAgain(site: Command): void {
  siteOptions(site.command('judge'), { json: true })
    .argument('[release]', 'a release on hold, or the one in use; the held one when left out')
    .description('judge a release again on the rows as they are now; each look spends of the 5% error')
    .option('--model <name>', 'which model, where this site holds several')
    .action(run);
}
