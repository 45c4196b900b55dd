import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import type { ReleaseView } from '../../shared/wire/operator-port.ts';
import { exportRelease } from '../releases/export-release.ts';
import { consortiumOption, withOperator } from './operator-directory.ts';

interface CommonOptions {
  readonly consortium: string;
  readonly json?: boolean;
}

function decisionsText(release: ReleaseView): string {
  const said = release.decisions.map(({ site, decision }) => `${site} ${decision}`);
  const awaited = release.awaited.map((site) => `${site} awaited`);
  return [...said, ...awaited].join(', ') || 'no decisions';
}

function releaseText(release: ReleaseView): string {
  return [
    `${release.version}  ${release.digest}`,
    `run ${release.run}, plan ${release.plan}, released ${new Date(release.createdMs).toISOString()}`,
    ...release.files.map(({ name, digest, bytes }) => `  ${name}  ${bytes} bytes  ${digest}`),
    ...release.decisions.flatMap(({ site, decision, judgement }) => [
      `  ${site}: ${decision} (${judgement.evidence.kind}, ${judgement.evidence.rows} rows)`,
      ...judgement.decision.reasons.map(({ code, text }) => `    ${code}: ${text}`),
    ]),
    ...release.awaited.map((site) => `  ${site}: awaited`),
  ].join('\n');
}

export function register(program: Command): void {
  const group = commandGroup(program, 'release', '(operator) released models');
  group
    .command('list')
    .description('every release, with what each site decided')
    .addOption(consortiumOption())
    .option('--json', 'print the list as JSON')
    .action(async (options: CommonOptions) => {
      const releases = await withOperator(options.consortium, (port) => port.listReleases());
      if (options.json === true) console.log(JSON.stringify(releases));
      else if (releases.length === 0) console.log('No release yet.');
      else {
        for (const release of releases) {
          console.log(`${release.version}  ${release.digest.slice(0, 12)}  ${release.run}  ${decisionsText(release)}`);
        }
      }
    });
  group
    .command('show')
    .argument('<version>', 'such as heart-disease/1')
    .description('files, digests, and the decision of each site with its reasons')
    .addOption(consortiumOption())
    .option('--json', 'print the release as JSON')
    .action(async (version: string, options: CommonOptions) => {
      const release = await withOperator(options.consortium, (port) => port.showRelease(version));
      console.log(options.json === true ? JSON.stringify(release) : releaseText(release));
    });
  group
    .command('export')
    .argument('<version>', 'such as heart-disease/1')
    .argument('<dir>', 'a new or empty directory')
    .description('write the signed package to a directory; digests and signature are checked first')
    .addOption(consortiumOption())
    .option('--json', 'print {version, directory, files} as JSON')
    .action(async (version: string, directory: string, options: CommonOptions) => {
      const rootPem = await readFile(join(options.consortium, 'operator', 'root.pem'), 'utf8');
      const files = await withOperator(options.consortium, (port) =>
        exportRelease(port, version, directory, { rootPem, nowMs: systemClock.now() }),
      );
      if (options.json === true) console.log(JSON.stringify({ version, directory, files }));
      else console.log(`${version} is in ${directory}: ${files.join(', ')}. Digests and signature hold.`);
    });
}
