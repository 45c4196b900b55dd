import type { Command } from 'commander';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { tableText } from '../../shared/runtime/table-text.ts';
import type { SiteView } from '../../shared/wire/operator-port.ts';
import { consortiumOption, withOperator } from './operator-directory.ts';

interface CommonOptions {
  readonly consortium: string;
  readonly json?: boolean;
}

const timeText = (timeMs: number | null): string =>
  timeMs === null ? '-' : `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function sitesText(sites: readonly SiteView[]): string {
  if (sites.length === 0) return 'No site is invited yet: wardround site invite NAME';
  const rows = sites.map((site) => [
    site.site,
    site.status,
    site.connected ? 'yes' : 'no',
    timeText(site.lastSeenMs),
    timeText(site.certificateExpiresMs),
    site.approvedPlans.length,
    site.software ?? '-',
  ]);
  return tableText(
    ['site', 'status', 'connected', 'last seen', 'certificate ends', 'plans approved', 'software'],
    rows,
  );
}

function print(view: SiteView, json: boolean | undefined, text: string): void {
  console.log(json === true ? JSON.stringify(view) : text);
}

export function register(program: Command): void {
  const sites = commandGroup(program, 'sites', '(operator) the sites of a consortium');
  sites
    .command('list')
    .description('every site, its state, whether it is connected and when its certificate ends')
    .addOption(consortiumOption())
    .option('--json', 'print the list as JSON')
    .action(async (options: CommonOptions) => {
      const list = await withOperator(options.consortium, (coordinator) => coordinator.listSites());
      console.log(options.json === true ? JSON.stringify(list) : sitesText(list));
    });
  sites
    .command('revoke')
    .argument('<name>', 'name of the site')
    .description("end a site's certificates and invitations now, on open connections too")
    .option('--reason <text>', 'why; it is recorded', 'no reason given')
    .addOption(consortiumOption())
    .option('--json', 'print the site as JSON')
    .action(async (name: string, options: CommonOptions & { readonly reason: string }) => {
      const view = await withOperator(options.consortium, (coordinator) =>
        coordinator.revokeSite(name, options.reason),
      );
      print(view, options.json, `${name} is revoked. Its connections are closed; nothing it sends is taken.`);
    });
  sites
    .command('readmit')
    .argument('<name>', 'name of the site')
    .description('let a revoked site be invited again; its old certificates stay revoked')
    .addOption(consortiumOption())
    .option('--json', 'print the site as JSON')
    .action(async (name: string, options: CommonOptions) => {
      const view = await withOperator(options.consortium, (coordinator) => coordinator.readmitSite(name));
      print(view, options.json, `${name} may be invited again: wardround site invite ${name}`);
    });
}
