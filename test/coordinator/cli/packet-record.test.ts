import { describe, expect, it } from 'vitest';
import { consortiumRecord } from '../../../coordinator/cli/packet-record.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, RunId, SiteName } from '../../../shared/runtime/ids.ts';
import type { AuditEntry, OperatorPort, ReleaseView } from '../../../shared/wire/operator-port.ts';
import { packetJudgement, packetPlan, shared } from '../../support/packet.ts';

const card = JSON.stringify({
  wardround: 'card/1',
  version: 'heart-disease/2',
  name: 'heart-disease',
  run: 'heart-disease-2',
  parent: 'heart-disease/1',
  created: '2024-02-01T00:00:00.000Z',
  software: 'wardround 0.1.0',
  trainingCutoff: null,
  sites: ['north'],
  rounds: [
    {
      round: 0,
      attempt: 1,
      started: 'a',
      published: 'b',
      updates: [{ site: 'north', digest: 'd', examples: 900 }],
      excluded: [],
    },
  ],
});
const objects = new Map<string, string>([
  [digestOf(card), card],
  [packetPlan.digest, packetPlan.canonical],
]);

function release(version: string, createdMs: number): ReleaseView {
  return {
    version: version as ReleaseVersion,
    digest: digestOf(version),
    run: 'heart-disease-2' as RunId,
    plan: packetPlan.digest,
    createdMs,
    files: [
      { name: 'card.json', digest: digestOf(card), bytes: card.length },
      { name: 'plan.json', digest: packetPlan.digest, bytes: packetPlan.canonical.length },
    ],
    decisions: [
      { site: 'north' as SiteName, decision: 'accept', receivedMs: 5000, judgement: shared(packetJudgement()) },
    ],
    notices: [],
    awaited: [],
    notJudged: [],
  };
}

const releases = [release('heart-disease/1', 1000), release('heart-disease/2', 2000), release('sepsis/1', 1500)];
const audit: AuditEntry[] = Array.from({ length: 1500 }, (_, index) => ({
  sequence: index + 1,
  timeMs: index,
  event: index % 3 === 0 ? 'admission.norm_above_bound' : 'admission.accepted',
  actor: null,
  details: {},
}));

/** What the record is gathered from; everything else of an operator's port is never called. */
function port(contents: ReadonlyMap<string, string> = objects, all: readonly ReleaseView[] = releases): OperatorPort {
  const used: Pick<
    OperatorPort,
    'listReleases' | 'showRelease' | 'readObject' | 'listAudit' | 'listRuns' | 'listSites'
  > = {
    listReleases: () => Promise.resolve(all),
    showRelease: (version) => Promise.resolve(all.find((one) => one.version === version) as ReleaseView),
    async *readObject(object: Digest) {
      const bytes = Buffer.from(contents.get(object) ?? '');
      yield bytes.subarray(0, 10);
      yield bytes.subarray(10);
    },
    listAudit: ({ afterSequence = 0, limit = 1000 }) =>
      Promise.resolve(audit.filter(({ sequence }) => sequence > afterSequence).slice(0, limit)),
    listRuns: () => Promise.resolve([]),
    listSites: () => Promise.resolve([]),
  };
  return used as OperatorPort;
}

describe("the consortium's record for a packet", () => {
  it('is of the newest release and every other of its name', async () => {
    const { consortium, release: subject, plan } = await consortiumRecord(port(), undefined);
    expect(subject).toEqual({ version: 'heart-disease/2', digest: digestOf('heart-disease/2') });
    expect(plan).toEqual({ plan: packetPlan.plan, digest: packetPlan.digest });
    expect(consortium.releases.map(({ version }) => version)).toEqual(['heart-disease/1', 'heart-disease/2']);
    expect(consortium.releases[1]?.card?.rounds[0]?.updates[0]?.examples).toBe(900);
    const pooled = consortium.releases[0]?.pooled ?? [];
    expect(pooled.map(({ figure }) => figure)).toEqual(['auroc', 'slope', 'observedExpected']);
    expect(consortium.releases[0]?.decisions[0]?.receivedAt).toBe('1970-01-01T00:00:05.000Z');
  });

  it('counts the whole audit, page by page', async () => {
    const { consortium } = await consortiumRecord(port(), 'sepsis/1');
    expect(consortium.releases.map(({ version }) => version)).toEqual(['sepsis/1']);
    expect(consortium.audit).toEqual({
      entries: 1500,
      from: '1970-01-01T00:00:00.000Z',
      to: '1970-01-01T00:00:01.499Z',
      byEvent: { 'admission.accepted': 1000, 'admission.norm_above_bound': 500 },
    });
  });

  it('takes no file whose digest is another', async () => {
    const changed = new Map([...objects, [digestOf(card), card.replace('900', '901')]]);
    await expect(consortiumRecord(port(changed), undefined)).rejects.toMatchObject({
      fullCode: 'packet.plan_mismatch',
    });
  });

  it('says so where there is no such release', async () => {
    await expect(consortiumRecord(port(), 'heart-disease/9')).rejects.toMatchObject({ fullCode: 'packet.no_release' });
    await expect(consortiumRecord(port(objects, []), undefined)).rejects.toThrow('no release yet');
  });
});
