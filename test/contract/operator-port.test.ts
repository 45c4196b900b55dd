import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { ReleaseVersion, RunId, SiteName } from '../../shared/runtime/ids.ts';
import type { OperatorPort, ReleaseView, RoundView, RunView, SiteView } from '../../shared/wire/operator-port.ts';
import { memoryOperator } from '../../simulations/memory-transport.ts';
import { openGrpcBench } from '../support/coordinator-over-grpc.ts';
import { createFakeCoordinator, type FakeCoordinator } from '../support/fake-coordinator.ts';
import { wireCodeOf } from '../support/wire-error-of.ts';
import { sampleJudgement, sampleNotice } from '../support/wire-samples.ts';

interface Opened {
  readonly coordinator: FakeCoordinator;
  readonly port: OperatorPort;
  close(): Promise<void>;
}

const transports: Readonly<Record<string, () => Promise<Opened>>> = {
  'in memory': async () => {
    const coordinator = createFakeCoordinator();
    const port = coordinator.ports.operator({ role: 'operator', name: 'anna', serial: 'A1' });
    return { coordinator, port, close: async () => undefined };
  },
  'in memory, as simulations carry it': async () => {
    const coordinator = createFakeCoordinator();
    const port = memoryOperator(coordinator.ports, { role: 'operator', name: 'anna', serial: 'A1' });
    return { coordinator, port, close: async () => undefined };
  },
  'over gRPC with mutual TLS': async () => {
    const bench = await openGrpcBench();
    const anna = await bench.authority.operator('anna');
    bench.coordinator.admit(anna, { role: 'operator', name: 'anna' });
    return { coordinator: bench.coordinator, port: bench.operator(anna), close: bench.close };
  },
};

const round = (number: number, over: Partial<RoundView> = {}): RoundView => ({
  round: number,
  phase: 'published',
  attempt: 1,
  sites: ['berlin', 'lyon'] as SiteName[],
  excluded: [
    { site: 'oslo' as SiteName, reason: 'late', detail: 'upload at 63 %' },
    { site: 'turin' as SiteName, reason: 'not_connected', detail: null },
  ],
  offered: ['berlin', 'lyon', 'oslo'] as SiteName[],
  received: ['berlin', 'lyon'] as SiteName[],
  bytesUp: 2 ** 33,
  bytesDown: 0,
  startedMs: 1_777_777_777_777,
  durationMs: 12.625,
  metrics: { loss: 0.25 },
  weights: digestOf(`weights ${number}`),
  ...over,
});

const run = (over: Partial<RunView> = {}): RunView => ({
  run: 'heart-1' as RunId,
  plan: digestOf('plan'),
  planName: 'heart',
  status: 'running',
  reason: null,
  rounds: [
    round(0, { startedMs: 0, durationMs: 0, bytesUp: 0, metrics: {}, excluded: [] }),
    round(1),
    round(2, { phase: 'collecting', startedMs: null, durationMs: null, weights: null, sites: [] }),
  ],
  roundsPlanned: 10,
  release: null,
  createdMs: 1,
  finishedMs: null,
  ...over,
});

describe.each(Object.entries(transports))('OperatorPort %s', (_, open) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    await opened.close();
  });

  it('an object goes up whole, however it is cut, and only under its own digest', async () => {
    const bytes = randomBytes(3 * 1024 * 1024 + 5);
    const object = { digest: digestOf(bytes), bytes: bytes.byteLength };
    async function* cut(): AsyncGenerator<Uint8Array, void, void> {
      yield bytes.subarray(0, 7);
      yield bytes.subarray(7);
    }
    await opened.port.writeObject(object, cut());
    expect(digestOf(opened.coordinator.objects.get(object.digest) as Uint8Array)).toBe(object.digest);
    const other = { ...object, digest: digestOf('another') };
    expect(await wireCodeOf(opened.port.writeObject(other, cut()))).toBe('digest_mismatch');
  });

  it('starts a run from text, and passes on why it may not', async () => {
    const view = await opened.port.startRun('wardround: plan/1', { fileName: 'heart.yaml' });
    expect(view).toEqual(opened.coordinator.runs.get(view.run));
    expect(await wireCodeOf(opened.port.startRun('hello', { fileName: 'heart.yaml' }))).toBe('invalid_argument');
    await expect(opened.port.startRun('hello', { fileName: 'heart.yaml' })).rejects.toThrow('heart.yaml');
    const from = await opened.port.startRun('wardround: plan/1', { from: 'heart/3' as ReleaseVersion });
    expect(from.reason).toBe('heart/3');
    opened.coordinator.runs.clear();
  });

  it('shows and lists runs unchanged: nulls, zeros, fractions and large counts', async () => {
    const first = run();
    const second = run({
      run: 'heart-2' as RunId,
      rounds: [],
      status: 'finished',
      reason: 'done',
      finishedMs: 0,
      release: 'heart/1' as ReleaseVersion,
    });
    opened.coordinator.changed(first);
    opened.coordinator.changed(second);
    expect(await opened.port.showRun(first.run)).toEqual(first);
    expect(await opened.port.listRuns()).toEqual([first, second]);
    expect(await wireCodeOf(opened.port.showRun('heart-9' as RunId))).toBe('not_found');
  });

  it('moves a run, and says when its state does not allow it', async () => {
    expect((await opened.port.pauseRun('heart-1' as RunId)).status).toBe('paused');
    expect((await opened.port.resumeRun('heart-1' as RunId)).status).toBe('running');
    expect((await opened.port.stopRun('heart-1' as RunId)).status).toBe('stopped');
    expect(await wireCodeOf(opened.port.stopRun('heart-2' as RunId))).toBe('invalid_state');
  });

  it('watches: a view now and one after every change, until the run ends', async () => {
    const views: RunView[] = [
      run(),
      run({ rounds: [...run().rounds, round(3)] }),
      run({ rounds: run().rounds.slice(0, 2) }),
    ];
    views.push(run({ rounds: [round(0), round(1, { bytesUp: 7 })], status: 'finished', finishedMs: 5 }));
    opened.coordinator.changed(views[0] as RunView);
    const seen: RunView[] = [];
    for await (const view of opened.port.watchRun('heart-1' as RunId, AbortSignal.timeout(10_000))) {
      seen.push(view);
      const next = views[seen.length];
      if (next !== undefined) opened.coordinator.changed(next);
    }
    expect(seen).toEqual(views);
  });

  it('stops watching when the signal aborts', async () => {
    opened.coordinator.changed(run());
    const stop = new AbortController();
    const reason = new Error('enough');
    const watching = (async () => {
      for await (const _ of opened.port.watchRun('heart-1' as RunId, stop.signal)) stop.abort(reason);
    })();
    await expect(watching).rejects.toBe(reason);
  });

  it('invites, lists, revokes and readmits sites', async () => {
    const site: SiteView = {
      site: 'berlin' as SiteName,
      status: 'enrolled',
      connected: true,
      lastSeenMs: 0,
      certificateExpiresMs: 1_777_777_777_777,
      approvedPlans: [digestOf('plan')],
      software: null,
    };
    const bare: SiteView = {
      ...site,
      site: 'lyon' as SiteName,
      connected: false,
      lastSeenMs: null,
      certificateExpiresMs: null,
      approvedPlans: [],
    };
    opened.coordinator.sites.set('berlin', site);
    opened.coordinator.sites.set('lyon', bare);
    expect(await opened.port.inviteSite('oslo', {})).toEqual({ token: 'token-of-oslo', expiresMs: 5000 });
    expect(await opened.port.inviteSite('oslo', { validForMs: 60_000 })).toEqual({
      token: 'token-of-oslo',
      expiresMs: 65_000,
    });
    expect(await opened.port.listSites()).toEqual([site, bare]);
    expect(await opened.port.revokeSite('berlin', 'left')).toEqual({ ...site, status: 'revoked', software: 'left' });
    expect((await opened.port.readmitSite('berlin')).status).toBe('invited');
    expect(await wireCodeOf(opened.port.revokeSite('nobody', ''))).toBe('not_found');
  });

  it('shows releases with their judgements, and reads their files', async () => {
    const bytes = randomBytes(1_500_000);
    opened.coordinator.objects.set(digestOf(bytes), bytes);
    const judgement = sampleJudgement('berlin');
    const release: ReleaseView = {
      version: 'heart/2' as ReleaseVersion,
      digest: digestOf('release'),
      run: 'heart-1' as RunId,
      plan: digestOf('plan'),
      createdMs: 5,
      files: [{ name: 'model.onnx', digest: digestOf(bytes), bytes: bytes.byteLength }],
      decisions: [{ site: 'berlin' as SiteName, decision: 'hold', receivedMs: 6, judgement }],
      notices: [
        { site: 'berlin' as SiteName, receivedMs: 7, notice: sampleNotice('berlin') },
        { site: 'lyon' as SiteName, receivedMs: 8, notice: { ...sampleNotice('lyon'), from: null, to: 'active' } },
      ],
      awaited: ['lyon'] as SiteName[],
      notJudged: [
        { site: 'nantes' as SiteName, reason: 'declined', detail: `data_problem: ${'x'.repeat(2000)}` },
        { site: 'oslo' as SiteName, reason: 'no_answer', detail: null },
      ],
    };
    const older: ReleaseView = {
      ...release,
      version: 'heart/1' as ReleaseVersion,
      decisions: [],
      notices: [],
      awaited: [],
      notJudged: [],
      files: [],
    };
    opened.coordinator.releases.set(older.version, older);
    opened.coordinator.releases.set(release.version, release);
    expect(await opened.port.listReleases()).toEqual([older, release]);
    expect(await opened.port.showRelease('heart/2')).toEqual(release);
    expect(await opened.port.readReleaseObjects('heart/2')).toEqual(release.files);
    expect(await wireCodeOf(opened.port.showRelease('heart/7'))).toBe('not_found');
    const parts: Uint8Array[] = [];
    for await (const chunk of opened.port.readObject(digestOf(bytes), 1_000_000)) parts.push(chunk);
    expect(Buffer.concat(parts).equals(bytes.subarray(1_000_000))).toBe(true);
  });

  it('reads the audit from where it left off', async () => {
    for (let index = 1; index <= 5; index++) {
      opened.coordinator.audit.record('test.event', index === 3 ? null : 'anna', {
        index,
        nested: { list: [1, null] },
      });
    }
    const all = await opened.port.listAudit({});
    const last = all.slice(-5);
    expect(last.map(({ details }) => details.index)).toEqual([1, 2, 3, 4, 5]);
    expect(last[2]).toMatchObject({
      actor: null,
      event: 'test.event',
      details: { index: 3, nested: { list: [1, null] } },
    });
    const next = await opened.port.listAudit({ afterSequence: (last[1]?.sequence ?? 0) as number, limit: 2 });
    expect(next.map(({ details }) => details.index)).toEqual([3, 4]);
  });
});
