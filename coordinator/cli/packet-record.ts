import { cardRecordOf } from '../../shared/packet/card-record.ts';
import { PacketError } from '../../shared/packet/packet-error.ts';
import type {
  CardRecord,
  ConsortiumRecord,
  ConsortiumRelease,
  PacketRecord,
  PooledRecord,
} from '../../shared/packet/record.ts';
import type { Estimate } from '../../shared/plan/judgement.ts';
import { parseCanonicalPlan } from '../../shared/plan/load-plan.ts';
import type { SharedJudgement } from '../../shared/plan/shared-judgement.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { AuditEntry, OperatorPort, ReleaseView } from '../../shared/wire/operator-port.ts';
import { familyOf } from '../web/family.ts';

const auditPage = 1_000;
const iso = (ms: number): string => new Date(ms).toISOString();
const modelOf = (version: string): string => version.slice(0, Math.max(0, version.lastIndexOf('/')));

async function readFile(port: OperatorPort, release: ReleaseView, name: string): Promise<Buffer | null> {
  const file = release.files.find((one) => one.name === name);
  if (file === undefined) return null;
  const chunks: Uint8Array[] = [];
  for await (const chunk of port.readObject(file.digest, 0)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes) !== file.digest) {
    throw new PacketError('plan_mismatch', `${name} of ${release.version} does not have the digest ${file.digest}.`, {
      version: release.version,
      file: name,
    });
  }
  return bytes;
}

async function cardOf(port: OperatorPort, release: ReleaseView): Promise<CardRecord | null> {
  const bytes = await readFile(port, release, 'card.json');
  return bytes === null ? null : cardRecordOf(bytes);
}

/** The same pooling as in the consortium's view. */
function pooledRecord({ decisions }: ReleaseView): readonly PooledRecord[] {
  const of = (pick: (judgement: SharedJudgement) => Estimate | undefined) =>
    decisions.flatMap(({ site, judgement }) => {
      const estimate = pick(judgement);
      return estimate === undefined ? [] : [{ site, estimate }];
    });
  return [
    familyOf(
      'auroc',
      'logit',
      of(({ evidence }) => evidence.auroc.new),
    ),
    familyOf(
      'slope',
      'identity',
      of(({ evidence }) => evidence.calibration.slope),
    ),
    familyOf(
      'observedExpected',
      'log',
      of(({ evidence }) => evidence.performance?.new.calibration.observedExpected),
    ),
  ].map(({ figure, sites, mean, prediction, iSquared }) => ({
    figure,
    sites: sites.filter(({ weight }) => weight !== null).map(({ site }) => site),
    mean,
    prediction,
    iSquared,
    outOfFamily: sites.filter(({ outOfFamily }) => outOfFamily === true).map(({ site }) => site),
  }));
}

async function releaseRecord(port: OperatorPort, release: ReleaseView): Promise<ConsortiumRelease> {
  return {
    version: release.version,
    digest: release.digest,
    run: release.run,
    plan: release.plan,
    createdAt: iso(release.createdMs),
    files: release.files,
    card: await cardOf(port, release),
    decisions: release.decisions.map(({ site, decision, receivedMs, judgement }) => ({
      site,
      decision,
      receivedAt: iso(receivedMs),
      judgement,
    })),
    notices: release.notices.map(({ notice }) => notice),
    awaited: release.awaited,
    notJudged: release.notJudged,
    pooled: pooledRecord(release),
  };
}

async function auditRecord(port: OperatorPort): Promise<ConsortiumRecord['audit']> {
  const byEvent: Record<string, number> = {};
  let first: AuditEntry | undefined;
  let last: AuditEntry | undefined;
  let entries = 0;
  for (;;) {
    const page = await port.listAudit({
      limit: auditPage,
      ...(last === undefined ? {} : { afterSequence: last.sequence }),
    });
    for (const { event } of page) byEvent[event] = (byEvent[event] ?? 0) + 1;
    entries += page.length;
    first ??= page[0];
    last = page.at(-1) ?? last;
    if (page.length < auditPage) break;
  }
  return {
    entries,
    from: first === undefined ? null : iso(first.timeMs),
    to: last === undefined ? null : iso(last.timeMs),
    byEvent: Object.fromEntries(Object.entries(byEvent).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/**
 * What the coordinator has on record of one model, for a packet: the release named, or the newest, with every other one of its name.
 * @throws PacketError `no_release`; WireError
 */
export async function consortiumRecord(
  port: OperatorPort,
  version: string | undefined,
): Promise<{ readonly consortium: ConsortiumRecord } & Pick<PacketRecord, 'plan' | 'release'>> {
  const releases = await port.listReleases();
  const newest = [...releases].sort((a, b) => b.createdMs - a.createdMs)[0];
  const named = version ?? newest?.version;
  const listed = releases.find((release) => release.version === named);
  if (listed === undefined) {
    throw new PacketError(
      'no_release',
      version === undefined
        ? 'The consortium has made no release yet.'
        : `The consortium has made no release ${version}.`,
      { version },
    );
  }
  const model = modelOf(listed.version);
  const own: ConsortiumRelease[] = [];
  for (const { version: other } of releases.filter((release) => modelOf(release.version) === model)) {
    own.push(await releaseRecord(port, await port.showRelease(other)));
  }
  const subject = await port.showRelease(listed.version);
  const planBytes = await readFile(port, subject, 'plan.json');
  if (planBytes === null)
    throw new PacketError('no_release', `${listed.version} has no plan in it.`, { version: listed.version });
  const { plan, digest } = parseCanonicalPlan(planBytes, subject.plan);
  const runs = (await port.listRuns()).filter(({ planName }) => planName === model);
  return {
    plan: { plan, digest },
    release: { version: subject.version, digest: subject.digest as Digest },
    consortium: {
      releases: own,
      runs: runs.map((run) => ({
        run: run.run,
        status: run.status,
        createdAt: iso(run.createdMs),
        finishedAt: run.finishedMs === null ? null : iso(run.finishedMs),
        rounds: run.rounds.length,
        release: run.release,
      })),
      sites: (await port.listSites()).map(({ site, status }) => ({ site, status })),
      audit: await auditRecord(port),
    },
  };
}
