import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parseCanonicalPlan } from '../../shared/plan/load-plan.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import { figure } from '../../shared/report/figures.ts';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { systemClock } from '../../shared/runtime/system-clock.ts';
import { exclusionText } from '../../shared/wire/exclusion-text.ts';
import type { OperatorPort, ReleaseView } from '../../shared/wire/operator-port.ts';
import { WireError } from '../../shared/wire/wire-error.ts';
import { ExportError } from '../releases/export-error.ts';
import { exportRelease } from '../releases/export-release.ts';
import { consortiumPage } from '../web/consortium-page.ts';
import { type ConsortiumView, consortiumView } from '../web/consortium-view.ts';
import { consortiumOption, withOperator } from './operator-directory.ts';

interface CommonOptions {
  readonly consortium: string;
  readonly json?: boolean;
}

function decisionsText(release: ReleaseView): string {
  const said = release.decisions.map(({ site, decision }) => `${site} ${decision}`);
  const awaited = release.awaited.map((site) => `${site} awaited`);
  const notJudged = release.notJudged.map(({ site, reason }) => `${site} not judged (${reason})`);
  return [...said, ...awaited, ...notJudged].join(', ') || 'no decisions';
}

function releaseText(release: ReleaseView): string {
  return [
    `${release.version}  ${release.digest}`,
    `run ${release.run}, plan ${release.plan}, released ${new Date(release.createdMs).toISOString()}`,
    ...release.files.map(({ name, digest, bytes }) => `  ${name}  ${bytes} bytes  ${digest}`),
    ...release.decisions.flatMap(({ site, decision, judgement }) => [
      `  ${site}: ${decision} (${judgement.evidence.kind}, ${judgement.evidence.rows === null ? 'number of patients withheld' : `${judgement.evidence.rows} rows`})`,
      ...judgement.decision.reasons.map(({ code, text }) => `    ${code}: ${text}`),
    ]),
    ...release.awaited.map((site) => `  ${site}: awaited`),
    ...release.notJudged.map((one) => `  not judged: ${exclusionText(one)}`),
    ...release.notices.map(
      ({ site, notice }) =>
        `  ${notice.at}  ${site}: ${notice.from ?? 'new'} -> ${notice.to}, in use ${notice.inUse ?? 'none'}${notice.byRoles === null || notice.byRoles.length === 0 ? '' : `, decided by ${notice.byRoles.join(' and ')}`}`,
    ),
  ].join('\n');
}

/** The plan a release was trained under, from its own package. */
async function planOfRelease(port: OperatorPort, release: ReleaseView): Promise<Plan> {
  const file = release.files.find(({ name }) => name === 'plan.json');
  if (file === undefined) {
    throw new WireError('not_found', `${release.version} has no plan.json in its package.`, {
      release: release.version,
    });
  }
  const parts: Uint8Array[] = [];
  for await (const part of port.readObject(file.digest, 0)) parts.push(part);
  return parseCanonicalPlan(Buffer.concat(parts), release.plan).plan;
}

async function writePage(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (cause) {
    throw new ExportError('not_writable', `${file} cannot be written; choose another file.`, { file }, cause);
  }
}

/** The view's own sentences say why it is not known. */
function aFurtherHospital(low: number | null, high: number | null): string {
  return low === null || high === null
    ? 'a further hospital not known'
    : `a further hospital ${figure(low)} to ${figure(high)}`;
}

function viewText(view: ConsortiumView): string {
  const auroc = view.families.find((family) => family.figure === 'auroc');
  const { low, high } = auroc?.prediction ?? { low: null, high: null };
  const outside = view.families.flatMap((family) =>
    family.sites.filter(({ outOfFamily }) => outOfFamily === true).map(({ site }) => `${site} (${family.figure})`),
  );
  const pooled = view.pooled?.auroc;
  return [
    `${view.release.version}: ${view.decisions.map(({ site, decision }) => `${site} ${decision}`).join(', ') || 'no decisions'}`,
    ...(auroc === undefined || auroc.mean.value === null
      ? []
      : [`AUROC over hospitals ${figure(auroc.mean.value)}, ${aFurtherHospital(low, high)}`]),
    ...(pooled === undefined || pooled.value === null
      ? []
      : [`AUROC of all patients ${figure(pooled.value)}, certainly ${figure(pooled.low)} to ${figure(pooled.high)}`]),
    ...(outside.length === 0 ? [] : [`out of family: ${outside.join(', ')}`]),
    ...view.unknown.map((text) => `not known: ${text}`),
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
    .command('view')
    .argument('<version>', 'such as heart-disease/1')
    .description('what the hospitals found, side by side and pooled, from what they share')
    .addOption(consortiumOption())
    .option('--json', 'print the view as JSON')
    .option('--out <file>', 'write it as one HTML file, which needs no network')
    .action(async (version: string, options: CommonOptions & { readonly out?: string }) => {
      const view = await withOperator(options.consortium, async (port) => {
        const release = await port.showRelease(version);
        return consortiumView(await planOfRelease(port, release), release);
      });
      if (options.out !== undefined) await writePage(options.out, consortiumPage(view));
      if (options.json === true) console.log(JSON.stringify(view));
      else console.log(options.out === undefined ? viewText(view) : `The view of ${version} is in ${options.out}.`);
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
