import type { Command } from 'commander';
import type { ReleaseVersion } from '../../shared/runtime/ids.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import { applyModelEvent, reconcileStates, type StateParts } from '../agent/monitor-states.ts';
import { createMonitorStore } from '../agent/monitor-store.ts';
import { createPeopleDecisions, type PeopleDecisions, type Statement } from '../agent/people-decisions.ts';
import { certificateSigner } from '../agent/signer.ts';
import { createModelRegistry } from '../models/registry.ts';
import { type OpenSite, withSite } from './open-site.ts';
import { printJson, type SiteOptions, siteDirectory, siteOptions, timeText } from './options.ts';

type StatementOptions = SiteOptions & Statement;

function peopleDecisions({ store, plans, identity }: OpenSite): PeopleDecisions {
  return createPeopleDecisions({
    store,
    plans,
    registry: createModelRegistry(store),
    site: identity.site,
    signer: certificateSigner(identity.site, () => identity),
    clock: systemClock,
  });
}

function stateParts({ store, identity }: OpenSite): StateParts {
  return {
    site: identity.site,
    registry: createModelRegistry(store),
    monitors: createMonitorStore(store),
    log: createLogger({ level: 'warn', name: 'site-people' }),
  };
}

/** The state of a release that people put in use, and the notice of it, at once: not only when rows are scored next. */
function noteUse(site: OpenSite): void {
  const { store } = site;
  store.transaction(() => reconcileStates(stateParts(site), store, systemClock.now()));
}

/** The consortium would see a hold for good. */
function noteRefusal(site: OpenSite, version: ReleaseVersion, role: string): void {
  site.store.transaction(() =>
    applyModelEvent(stateParts(site), version, { kind: 'withdrawn' }, systemClock.now(), [role]),
  );
}

async function override(version: string, options: StatementOptions): Promise<void> {
  await withSite(siteDirectory(options), (site) => {
    const outcome = peopleDecisions(site).override(version as ReleaseVersion, options);
    if (outcome.state === 'in_use') noteUse(site);
    if (options.json === true) printJson({ release: version, ...outcome });
    else if (outcome.state === 'in_use') {
      console.log(
        `${version} is in use: ${outcome.roles.join(' and ')} decided so against the gate's hold. It is recorded and signed; the agent tells the consortium, by role.`,
      );
    } else {
      console.log(
        `Recorded. ${version} stays on hold until somebody else decides the same as: ${outcome.stillNeeded.join(' or ')}.`,
      );
    }
  });
}

async function refuse(version: string, options: StatementOptions): Promise<void> {
  await withSite(siteDirectory(options), (site) => {
    peopleDecisions(site).refuse(version as ReleaseVersion, options);
    noteRefusal(site, version as ReleaseVersion, options.role.trim());
    if (options.json === true) printJson({ release: version, state: 'refused' });
    else
      console.log(
        `${version} is refused and will not be used here. The release in use stays. The agent tells the consortium, by role.`,
      );
  });
}

async function decisions(options: SiteOptions): Promise<void> {
  await withSite(siteDirectory(options), (site) => {
    const list = peopleDecisions(site).list();
    if (options.json === true) {
      printJson({ decisions: list });
      return;
    }
    if (list.length === 0) {
      console.log('Nobody has decided against the gate at this site.');
      return;
    }
    console.log(
      tableText(
        ['when (UTC)', 'release', 'what', 'role', 'name', 'signed', 'reason'],
        list.map(({ at, release, kind, role, name, signed, reason }) => [
          timeText(Date.parse(at)),
          release.version,
          kind,
          role,
          name,
          signed ? 'yes' : 'NO',
          reason,
        ]),
      ),
    );
  });
}

function statementOptions(command: Command): Command {
  return siteOptions(command, { json: true })
    .argument('<release>', 'version of a release on hold, such as heart-disease/2')
    .requiredOption('--role <role>', 'in which role you decide')
    .requiredOption('--name <name>', 'who decides')
    .requiredOption('--reason <text>', 'why');
}

export function registerPeople(site: Command): void {
  statementOptions(site.command('override'))
    .description('decide, with a second person in another role, to use a release the gate holds')
    .action(override);
  statementOptions(site.command('refuse'))
    .description('refuse a release that is on hold; one person may')
    .action(refuse);
  siteOptions(site.command('decisions'), { json: true })
    .description('what people decided against the gate, who and why')
    .action(decisions);
}
