import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelTensors } from '../../../shared/graph/families.ts';
import type { ModelNotice } from '../../../shared/plan/notice.ts';
import type { SiteSummary } from '../../../shared/plan/preprocessing.ts';
import type { SharedJudgement } from '../../../shared/plan/shared-judgement.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { ReleaseVersion, RunId, SiteName, TaskId } from '../../../shared/runtime/ids.ts';
import { binsOf } from '../../../shared/statistics/binning.ts';
import { namedTensors } from '../../../shared/tensors/checks.ts';
import { encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { Tensor } from '../../../shared/tensors/tensor.ts';
import type { JudgeOffer, SummaryOffer, TrainOffer, UpdateHeader } from '../../../shared/wire/messages.ts';
import {
  type Core,
  chunksOf,
  deltaFor,
  type FakeSite,
  fakeSite,
  inFolder,
  judgementFor,
  memorySiteBook,
  openCore,
  refOf,
  summaryFor,
  viewWhere,
} from '../../support/coordinator-core.ts';
import { heartPlan } from '../../support/plans.ts';
import { sampleNotice } from '../../support/wire-samples.ts';

const plan = heartPlan({ federation: { rounds: 1, maximumDeltaNorm: 5, weightCap: 150 } });
const names = ['aachen', 'bern', 'cork'];

/** Runs a coordinator in which aachen and bern do as usual, and cork's tasks come to the test. */
async function withCork<Kind extends 'summary' | 'train' | 'judge'>(
  kind: Kind,
  body: (given: {
    core: Core;
    offer: Extract<TrainOffer | SummaryOffer | JudgeOffer, { kind: Kind }>;
    cork: FakeSite;
    run: RunId;
  }) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const core = await openCore(folder, memorySiteBook(names));
    let take: (offer: Extract<TrainOffer | SummaryOffer | JudgeOffer, { kind: Kind }>) => void = () => undefined;
    const offered = new Promise<Extract<TrainOffer | SummaryOffer | JudgeOffer, { kind: Kind }>>((resolve) => {
      take = resolve;
    });
    const others = [fakeSite('aachen', core.site('aachen')), fakeSite('bern', core.site('bern'))];
    const cork = fakeSite('cork', core.site('cork'), {
      async instead(offer) {
        if (offer.kind !== kind) return false;
        take(offer as Extract<TrainOffer | SummaryOffer | JudgeOffer, { kind: Kind }>);
        return true;
      },
    });
    const { run } = await core.operator.startRun(canonicalJson(plan), {});
    try {
      await body({ core, offer: await offered, cork, run });
    } finally {
      await Promise.all([...others, cork].map((site) => site.leave()));
      await core.stop();
    }
  });
}

function changed(delta: Uint8Array, change: (tensors: Map<string, Tensor>) => void): Uint8Array {
  const tensors = new Map(
    modelTensors(plan).map(({ name, shape }) => [
      name,
      { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(delta.length / 1e6) } as Tensor,
    ]),
  );
  change(tensors);
  return encodeSafetensors(namedTensors(tensors));
}

const refusedWith = (code: string): unknown => ({ outcome: 'refused', code, reason: expect.stringMatching(/.{10}/) });

describe('an update', () => {
  type Case = readonly [
    name: string,
    code: string,
    change: (header: UpdateHeader) => UpdateHeader,
    delta?: (delta: Uint8Array) => Uint8Array,
  ];
  const withData = (data: (length: number) => Float32Array) => (delta: Uint8Array) =>
    changed(delta, (tensors) => {
      const tensor = tensors.get('layer1.weight') as Tensor;
      tensors.set('layer1.weight', { ...tensor, data: data(tensor.data.length) });
    });
  const same = (header: UpdateHeader) => header;
  const other = digestOf('another');
  const cases: readonly Case[] = [
    [
      'for a task that was never offered',
      'unknown_task',
      (h) => ({ ...h, task: 'heart-disease-1.r9.a1.cork' as TaskId }),
    ],
    ['for no task at all', 'unknown_task', (h) => ({ ...h, task: 'nonsense' as TaskId })],
    ["for another site's task", 'wrong_site', (h) => ({ ...h, task: 'heart-disease-1.r1.a1.bern' as TaskId })],
    ['that names another run', 'wrong_run', (h) => ({ ...h, run: 'heart-disease-2' as RunId })],
    ['that names another round', 'wrong_round', (h) => ({ ...h, round: 2 })],
    ['that names another plan', 'wrong_plan', (h) => ({ ...h, plan: other })],
    ['relative to other weights', 'wrong_base', (h) => ({ ...h, base: other })],
    ['whose delta was not sent', 'object_missing', (h) => ({ ...h, delta: { ...h.delta, digest: other } })],
    ['whose delta has another size', 'malformed', (h) => ({ ...h, delta: { ...h.delta, bytes: h.delta.bytes + 4 } })],
    ['with a metric that is NaN', 'malformed', (h) => ({ ...h, metrics: { loss: Number.NaN } })],
    ['with an unknown field', 'malformed', (h) => ({ ...h, code: 'rm -rf' }) as UpdateHeader],
    ['with no examples', 'weight_out_of_bounds', (h) => ({ ...h, examples: 0, weight: 0 })],
    ['with negative examples', 'weight_out_of_bounds', (h) => ({ ...h, examples: -5, weight: -5 })],
    ['with half an example', 'weight_out_of_bounds', (h) => ({ ...h, examples: 0.5, weight: 0.5 })],
    ['with more examples than rows declared', 'weight_out_of_bounds', (h) => ({ ...h, examples: 201, weight: 150 })],
    ['with a weight above the cap', 'weight_out_of_bounds', (h) => ({ ...h, examples: 200, weight: 200 })],
    ['with a weight below its due', 'weight_out_of_bounds', (h) => ({ ...h, examples: 200, weight: 100 })],
    ['that is no safetensors file', 'malformed', same, () => new TextEncoder().encode('PK\u0003\u0004 this is a zip')],
    ['with NaN', 'not_finite', same, withData((n) => new Float32Array(n).fill(Number.NaN, n - 1))],
    ['with infinity', 'not_finite', same, withData((n) => new Float32Array(n).fill(Number.NEGATIVE_INFINITY, 0, 1))],
    ['with too large a norm', 'norm_above_bound', same, withData((n) => new Float32Array(n).fill(6, 0, 1))],
    ['with a tensor missing', 'wrong_tensors', same, (d) => changed(d, (t) => t.delete('layer1.bias'))],
    [
      'with a tensor too many',
      'wrong_tensors',
      same,
      (d) => changed(d, (t) => t.set('layer2.bias', { shape: [1], data: new Float32Array(1) })),
    ],
    [
      'with another shape of the same size',
      'wrong_shape',
      same,
      (d) =>
        changed(d, (t) =>
          t.set('layer1.weight', {
            shape: [1, t.get('layer1.weight')?.data.length ?? 0],
            data: t.get('layer1.weight')?.data ?? new Float32Array(),
          }),
        ),
    ],
  ];
  for (const [name, code, change, deltaOf] of cases) {
    test(`${name} is refused as ${code}`, async () => {
      // Each case has a round of its own: a refusal may close the one it came in.
      await withCork('train', async ({ core, cork, offer }) => {
        const good = deltaFor(plan, 'cork', offer.base.digest);
        const delta = deltaOf?.(good) ?? good;
        await cork.send(delta);
        const receipt = await core.site('cork').submitUpdate(change(cork.header(offer, plan, delta)));
        expect(receipt).toEqual(refusedWith(code));
        const { audit } = core;
        await audit.flush();
        expect((await audit.list({})).map(({ event, actor }) => [event, actor])).toContainEqual([
          `admission.${code}`,
          'cork',
        ]);
      });
    });
  }

  test('that holds counts once: a repeat is a duplicate, another one is refused', async () => {
    await withCork('train', async ({ core, cork, offer, run }) => {
      const port = core.site('cork');
      const delta = deltaFor(plan, 'cork', offer.base.digest);
      await cork.send(delta);
      const header = cork.header(offer, plan, delta);
      const receipts = await Promise.all([
        port.submitUpdate(header),
        port.submitUpdate(header),
        port.submitUpdate(header),
      ]);
      expect(receipts.map(({ outcome }) => outcome).sort()).toEqual(['accepted', 'duplicate', 'duplicate']);
      expect(await port.submitUpdate({ ...header, examples: 199, weight: 150 })).toMatchObject({
        outcome: 'refused',
        code: expect.stringMatching(/^(second_update|round_closed)$/),
      });
      const view = await viewWhere(core.operator, run, ({ status }) => status === 'judging' || status === 'finished');
      expect(view.rounds[1]?.sites).toEqual(names);
      // After the round has closed, the repeat still gets its own answer, and another one is too late.
      expect(await port.submitUpdate(header)).toEqual({ outcome: 'duplicate' });
      expect(await port.submitUpdate({ ...header, metrics: {} })).toEqual(refusedWith('round_closed'));
    });
  });

  test('that was refused is stored with its reason, told again alike, and leaves the round to the others', async () => {
    await withCork('train', async ({ core, cork, offer, run }) => {
      const port = core.site('cork');
      const bad = withData((n) => new Float32Array(n).fill(Number.NaN, 0, 1))(new Uint8Array());
      await cork.send(bad);
      const header = cork.header(offer, plan, bad);
      const first = await port.submitUpdate(header);
      expect(first).toEqual(refusedWith('not_finite'));
      expect(await port.submitUpdate(header)).toEqual(first);
      const stored = await core.store.db
        .selectFrom('submissions')
        .selectAll()
        .where('outcome', '=', 'refused')
        .execute();
      expect(stored).toMatchObject([{ site: 'cork', kind: 'update', code: 'not_finite', round: 1 }]);
      const view = await viewWhere(core.operator, run, ({ status }) => status === 'judging' || status === 'finished');
      expect(view.rounds[1]).toMatchObject({
        sites: ['aachen', 'bern'],
        excluded: [{ site: 'cork', reason: 'refused', detail: expect.stringContaining('not_finite') }],
      });
    });
  });

  test("of which another site has sent the delta is not this site's: it is neither used nor known", async () => {
    await withCork('train', async ({ core, cork, offer }) => {
      const theirs = deltaFor(plan, 'aachen', offer.base.digest);
      while ((await core.objects.size(refOf(theirs).digest)) === null)
        await new Promise((resolve) => setTimeout(resolve, 5));
      const port = core.site('cork');
      expect(await port.uploadOffset(refOf(theirs))).toBe(0);
      expect(await port.submitUpdate(cork.header(offer, plan, theirs))).toEqual(refusedWith('object_missing'));
      await expect(port.readObject(refOf(theirs).digest, 0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: 'not_found',
      });
    });
  });

  test('of which all bytes came before the coordinator was killed is taken in when the site asks where to go on', async () => {
    await withCork('train', async ({ core, cork, offer }) => {
      const port = core.site('cork');
      const own = deltaFor(plan, 'cork', offer.base.digest);
      const object = refOf(own);
      const partial = join(core.objects.folder, 'partial', `cork.${object.digest}`);
      writeFileSync(partial, new Uint8Array(object.bytes));
      expect(await port.uploadOffset(object)).toBe(0);
      writeFileSync(partial, own);
      expect(await port.uploadOffset(object)).toBe(object.bytes);
      expect(await port.submitUpdate(cork.header(offer, plan, own))).toMatchObject({ outcome: 'accepted' });
    });
  });

  test('an upload far larger than any delta of the plan is not begun', async () => {
    await withCork('train', async ({ core }) => {
      const huge = { digest: digestOf('huge'), bytes: 1e9 };
      await expect(core.site('cork').writeObject(huge, 0, chunksOf(new Uint8Array(10)))).rejects.toMatchObject({
        code: 'message_too_large',
      });
    });
  });
});

describe('a summary', () => {
  const good = (offer: SummaryOffer): SiteSummary => summaryFor(plan, offer.plan, 200);
  const cases: readonly (readonly [
    string,
    string,
    (summary: SiteSummary, offer: SummaryOffer) => readonly [TaskId, SiteSummary],
  ])[] = [
    [
      'with a cell of 1 to minimum - 1',
      'small_cell',
      (s, o) => [
        o.id,
        { ...s, columns: s.columns.map((c, at) => (at === 0 ? { ...c, counts: [198, 2, ...c.counts.slice(2)] } : c)) },
      ],
    ],
    ['with fewer rows than the minimum', 'small_cell', (s, o) => [o.id, { ...s, rows: 3 }]],
    ['for another plan', 'wrong_plan', (s, o) => [o.id, { ...s, plan: digestOf('another') }]],
    ['with an unknown key', 'malformed', (s, o) => [o.id, { ...s, patients: ['anna'] } as unknown as SiteSummary]],
    ['without a column', 'malformed', (s, o) => [o.id, { ...s, columns: s.columns.slice(1) }]],
    ['with NaN', 'malformed', (s, o) => [o.id, { ...s, rows: Number.NaN }]],
    ["for another site's task", 'wrong_site', (s) => ['heart-disease-1.r0.a1.bern' as TaskId, s]],
  ];
  test.each(cases)('%s is refused as %s', async (_, code, change) => {
    await withCork('summary', async ({ core, offer }) => {
      const [task, summary] = change(good(offer), offer);
      expect(await core.site('cork').submitSummary(task, summary)).toEqual(refusedWith(code));
    });
  });

  test('that holds counts once', async () => {
    await withCork('summary', async ({ core, offer }) => {
      const port = core.site('cork');
      expect(await port.submitSummary(offer.id, good(offer))).toEqual({ outcome: 'accepted' });
      expect(await port.submitSummary(offer.id, good(offer))).toEqual({ outcome: 'duplicate' });
      expect(await port.submitSummary(offer.id, summaryFor(plan, offer.plan, 300))).toMatchObject({
        outcome: 'refused',
      });
    });
  });
});

describe('a judgement', () => {
  const changed = (judgement: SharedJudgement, evidence: Partial<SharedJudgement['evidence']>): SharedJudgement => ({
    ...judgement,
    evidence: { ...judgement.evidence, ...evidence },
  });
  /** With counts: 40 patients, of which so many have the event. */
  const counted = (judgement: SharedJudgement, cells: Partial<SharedJudgement['cells']>): SharedJudgement => ({
    ...changed(judgement, { rows: 40, events: 15, nonEvents: 25 }),
    cells: { ...judgement.cells, rows: 40, classes: [25, 15], ...cells },
  });
  const scores = { edges: [0.5], events: [5, 10], nonEvents: [20, 5] };
  const cases: readonly (readonly [string, string, (judgement: SharedJudgement) => SharedJudgement])[] = [
    ["with another site's evidence", 'wrong_site', (j) => changed(j, { site: 'bern' as SiteName })],
    ['of another plan', 'wrong_plan', (j) => changed(j, { plan: digestOf('another') })],
    [
      'whose package is of another plan',
      'wrong_plan',
      (j) => ({ ...j, package: { ...j.package, plan: digestOf('another') } }),
    ],
    [
      'of another release',
      'unknown_release',
      (j) =>
        changed(j, { release: { version: 'heart-disease/7' as ReleaseVersion, digest: j.evidence.release.digest } }),
    ],
    [
      'of another package',
      'unknown_release',
      (j) => changed(j, { release: { ...j.evidence.release, digest: digestOf('x') } }),
    ],
    [
      'whose package is of another release',
      'unknown_release',
      (j) => ({ ...j, package: { ...j.package, version: 'heart-disease/7' as ReleaseVersion } }),
    ],
    ['with other rows than its cells', 'malformed', (j) => changed(j, { rows: 12 })],
    ['with an unknown key', 'malformed', (j) => ({ ...j, note: 'patient 12' }) as SharedJudgement],
    [
      'whose sentences write to a terminal',
      'malformed',
      (j) => ({
        ...j,
        decision: { ...j.decision, reasons: [{ code: 'passed.all', text: 'Every rule is met.\u001b[2J' }] },
      }),
    ],
    ['of the form before sharing', 'malformed', (j) => ({ decision: j.decision, evidence: j.evidence }) as never],
    ["with another minimum than the plan's", 'malformed', (j) => ({ ...j, cells: { ...j.cells, minimum: 1 } })],
    ['that shows few patients', 'small_cell', (j) => counted(j, { classes: [37, 3] })],
    ['that shows few left out', 'small_cell', (j) => changed(j, { excluded: { label_missing: 2 } })],
    ['whose classes are not its rows', 'malformed', (j) => counted(j, { classes: [20, 15] })],
    ['with a class too many', 'malformed', (j) => counted(j, { classes: [10, 15, 15] })],
    [
      'with a small cell of scores',
      'small_cell',
      (j) => counted(j, { scores: { new: { ...scores, events: [11, 4] }, current: null } }),
    ],
    [
      "with scores on edges that are not the plan's",
      'malformed',
      (j) => counted(j, { scores: { new: { ...scores, edges: [0.123] }, current: null } }),
    ],
    [
      'whose scores are not its classes',
      'malformed',
      (j) => counted(j, { scores: { new: { ...scores, nonEvents: [20, 20] }, current: null } }),
    ],
    [
      'with columns in another order',
      'malformed',
      (j) => counted(j, { columns: [{ name: 'sex', counts: [20, 20, 0] }] }),
    ],
    [
      'with cells that are more than its rows',
      'malformed',
      (j) =>
        counted(j, {
          columns: plan.data.columns.map((column) => ({
            name: column.name,
            counts: new Array(binsOf(column)).fill(20),
          })),
        }),
    ],
  ];
  test.each(cases)('%s is refused as %s', async (_, code, change) => {
    await withCork('judge', async ({ core, offer }) => {
      const judgement = change(judgementFor('cork', offer, 'accept'));
      expect(await core.site('cork').submitJudgement(offer.id, judgement)).toEqual(refusedWith(code));
    });
  });

  test('that holds is final: a repeat is a duplicate, another one is refused', async () => {
    await withCork('judge', async ({ core, offer, run }) => {
      const port = core.site('cork');
      const judgement = judgementFor('cork', offer, 'reject');
      expect(await port.submitJudgement(offer.id, judgement)).toEqual({ outcome: 'accepted' });
      expect(await port.submitJudgement(offer.id, judgement)).toEqual({ outcome: 'duplicate' });
      expect(await port.submitJudgement(offer.id, judgementFor('cork', offer, 'accept'))).toMatchObject({
        outcome: 'refused',
      });
      await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      const [release] = await core.operator.listReleases();
      expect(release?.decisions.map(({ site, decision }) => [site, decision])).toEqual([
        ['aachen', 'accept'],
        ['bern', 'accept'],
        ['cork', 'reject'],
      ]);
    });
  });

  test('that holds may be followed by the end of the hold, after the run is over too', async () => {
    await withCork('judge', async ({ core, offer, run }) => {
      const port = core.site('cork');
      expect(await port.submitJudgement(offer.id, judgementFor('cork', offer, 'hold'))).toEqual({
        outcome: 'accepted',
      });
      await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      const expired = (site: string): SharedJudgement => {
        const judgement = judgementFor(site, offer, 'reject');
        const reasons = [{ code: 'hold.expired', text: 'The time the policy allows for a hold is over.' }] as const;
        return { ...judgement, decision: { ...judgement.decision, reasons } };
      };
      expect(await core.site('bern').submitJudgement(offer.id, expired('bern'))).toEqual(refusedWith('wrong_site'));
      expect(await port.submitJudgement(offer.id, expired('bern'))).toEqual(refusedWith('wrong_site'));
      expect(await port.submitJudgement(offer.id, expired('cork'))).toEqual({ outcome: 'accepted' });
      expect(await port.submitJudgement(offer.id, expired('cork'))).toEqual({ outcome: 'duplicate' });
      const [release] = await core.operator.listReleases();
      expect(release?.decisions.map(({ site, decision }) => [site, decision])).toEqual([
        ['aachen', 'accept'],
        ['bern', 'accept'],
        ['cork', 'reject'],
      ]);
      expect(release?.decisions[2]?.judgement.decision.reasons[0]?.code).toBe('hold.expired');
      // What is rejected stays so.
      expect(await port.submitJudgement(offer.id, judgementFor('cork', offer, 'accept'))).toEqual(
        refusedWith('round_closed'),
      );
    });
  });

  test('that holds may be followed by later ones on more patients, until one accepts or rejects', async () => {
    await withCork('judge', async ({ core, offer, run }) => {
      const port = core.site('cork');
      const later = (decision: 'accept' | 'hold', day: string): SharedJudgement => {
        const judgement = judgementFor('cork', offer, decision);
        return { ...judgement, evidence: { ...judgement.evidence, judgedAt: `2026-02-${day}T00:00:00.000Z` } };
      };
      for (const [decision, day] of [
        ['hold', '01'],
        ['hold', '08'],
      ] as const) {
        expect(await port.submitJudgement(offer.id, later(decision, day))).toEqual({ outcome: 'accepted' });
      }
      await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      expect(await port.submitJudgement(offer.id, later('accept', '15'))).toEqual({ outcome: 'accepted' });
      expect(await port.submitJudgement(offer.id, later('accept', '15'))).toEqual({ outcome: 'duplicate' });
      expect(await port.submitJudgement(offer.id, later('hold', '22'))).toEqual(refusedWith('round_closed'));
      const [release] = await core.operator.listReleases();
      const cork = release?.decisions.filter(({ site }) => site === 'cork');
      expect(cork?.map(({ decision, judgement }) => [decision, judgement.evidence.judgedAt])).toEqual([
        ['accept', '2026-02-15T00:00:00.000Z'],
      ]);
    });
  });
});

describe('a notice', () => {
  const noticeOf = (offer: JudgeOffer, site = 'cork'): ModelNotice => ({
    ...sampleNotice(site),
    plan: offer.plan,
    release: { version: offer.release.version, digest: offer.release.digest },
  });

  test('is kept once, shown with the release and in the audit, while the run is judged and after', async () => {
    await withCork('judge', async ({ core, offer, run }) => {
      const port = core.site('cork');
      const notice = noticeOf(offer);
      expect(await port.submitNotice(notice)).toEqual({ outcome: 'accepted' });
      expect(await port.submitNotice(notice)).toEqual({ outcome: 'duplicate' });
      await port.submitJudgement(offer.id, judgementFor('cork', offer, 'accept'));
      await viewWhere(core.operator, run, ({ status }) => status === 'finished');
      const later = { ...notice, from: 'rolled_back', to: 'withdrawn', byRoles: ['Medical director'] } as const;
      expect(await port.submitNotice(later)).toEqual({ outcome: 'accepted' });
      // Word for word the same from another hospital is another notice.
      expect(await core.site('bern').submitNotice(noticeOf(offer, 'bern'))).toEqual({ outcome: 'accepted' });
      const { notices } = await core.operator.showRelease(offer.release.version);
      expect(notices.map(({ site, notice: { to } }) => [site, to])).toEqual([
        ['cork', 'rolled_back'],
        ['cork', 'withdrawn'],
        ['bern', 'rolled_back'],
      ]);
      expect(notices[0]?.notice).toEqual(notice);
      await core.audit.flush();
      const audit = await core.operator.listAudit({});
      expect(audit.filter(({ event }) => event === 'model.notice').map(({ actor }) => actor)).toEqual([
        'cork',
        'cork',
        'bern',
      ]);
    });
  });

  test('a flood of refused ones is answered, and counted instead of written down', async () => {
    await withCork('judge', async ({ core, offer }) => {
      const port = core.site('cork');
      for (let at = 0; at < 150; at++) {
        const strange = { ...noticeOf(offer), plan: digestOf(`plan ${at}`) };
        expect(await port.submitNotice(strange)).toEqual(refusedWith('wrong_plan'));
      }
      await core.audit.flush();
      const entries = await core.audit.list({ limit: 1000 });
      const written = entries.filter(({ event }) => event === 'admission.wrong_plan');
      expect(written.length).toBeGreaterThanOrEqual(100);
      expect(written.length).toBeLessThan(110);
    });
  });

  test.each([
    ['of another site', 'wrong_site', (n: ModelNotice) => ({ ...n, site: 'bern' as SiteName })],
    ['of another plan', 'wrong_plan', (n: ModelNotice) => ({ ...n, plan: digestOf('another') })],
    [
      'of a release there is not',
      'unknown_release',
      (n: ModelNotice) => ({ ...n, release: { ...n.release, version: 'heart-disease/7' as ReleaseVersion } }),
    ],
    [
      'of another package',
      'unknown_release',
      (n: ModelNotice) => ({ ...n, release: { ...n.release, digest: digestOf('x') } }),
    ],
    ['with an unknown key', 'malformed', (n: ModelNotice) => ({ ...n, patients: 3 }) as ModelNotice],
    ['with a state there is not', 'malformed', (n: ModelNotice) => ({ ...n, to: 'asleep' }) as unknown as ModelNotice],
  ] as const)('%s is refused as %s', async (_, code, change) => {
    await withCork('judge', async ({ core, offer }) => {
      expect(await core.site('cork').submitNotice(change(noticeOf(offer)))).toEqual(refusedWith(code));
      expect((await core.operator.showRelease(offer.release.version)).notices).toEqual([]);
    });
  });
});
