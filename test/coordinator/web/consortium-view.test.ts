import { describe, expect, it } from 'vitest';
import { consortiumPage } from '../../../coordinator/web/consortium-page.ts';
import { consortiumView } from '../../../coordinator/web/consortium-view.ts';
import { familyOf } from '../../../coordinator/web/family.ts';
import { pooledAuroc } from '../../../coordinator/web/pooled-auroc.ts';
import { commonHistograms } from '../../../coordinator/web/pooled-histogram.ts';
import { shareJudgement } from '../../../shared/privacy/share-judgement.ts';
import { canonicalJson } from '../../../shared/runtime/canonical.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { ReleaseVersion, RunId, SiteName } from '../../../shared/runtime/ids.ts';
import { aurocEstimate } from '../../../shared/statistics/discrimination.ts';
import type { ReleaseDecision, ReleaseView } from '../../../shared/wire/operator-port.ts';
import type { SiteTable } from '../../../site-agent/data/site-table.ts';
import { judgedTable, patients, sharingPlan as plan, risksOf } from '../../support/shared-patients.ts';
import { sampleNotice } from '../../support/wire-samples.ts';

interface Hospital {
  readonly site: string;
  readonly table: SiteTable;
  readonly risks: Float64Array;
}

const hospital = (
  site: string,
  rows: number,
  seed: number,
  more: { older?: number; sick?: number; strength?: number } = {},
): Hospital => {
  const table = patients(rows, {
    seed,
    ...(more.older === undefined ? {} : { older: more.older }),
    ...(more.sick === undefined ? {} : { sick: more.sick }),
  });
  return {
    site,
    table,
    risks: risksOf(table, { seed, ...(more.strength === undefined ? {} : { strength: more.strength }) }),
  };
};

function decisionOf({ site, table, risks }: Hospital): ReleaseDecision {
  const { judgement, cells } = judgedTable(table, { risks, evidence: { site: site as SiteName } });
  const shared = shareJudgement(judgement, cells, plan, { summaries: [], judgements: [] });
  return { site: site as SiteName, decision: shared.decision.decision, receivedMs: 5, judgement: shared };
}

const releaseOf = (
  decisions: readonly ReleaseDecision[],
  awaited: readonly string[] = [],
  notJudged: ReleaseView['notJudged'] = [],
): ReleaseView => ({
  version: 'heart-disease/2' as ReleaseVersion,
  digest: digestOf('release'),
  run: 'heart-disease-2' as RunId,
  plan: digestOf('plan'),
  createdMs: 0,
  files: [],
  decisions,
  notices: [{ site: 'bern' as SiteName, receivedMs: 9, notice: sampleNotice('bern') }],
  awaited: awaited as SiteName[],
  notJudged,
});

const hospitals = [
  hospital('aachen', 900, 11),
  hospital('bern', 700, 12),
  hospital('cork', 800, 13),
  hospital('delft', 600, 14),
  // Older patients, more events, and a model that hardly works there.
  hospital('essen', 900, 15, { older: 0.25, sick: 0.6, strength: 0.35 }),
];
const decisions = hospitals.map(decisionOf);
const view = consortiumView(plan, releaseOf(decisions, ['fulda']));

/** Of all rows of some hospitals as if they stood in one table. */
function together(sites: readonly string[]): { scores: Float64Array; labels: Float64Array } {
  const chosen = hospitals.filter(({ site }) => sites.includes(site));
  return {
    scores: Float64Array.from(chosen.flatMap(({ risks }) => [...risks])),
    labels: Float64Array.from(chosen.flatMap(({ table }) => [...table.labels])),
  };
}

describe("the consortium's view", () => {
  it('bounds the figures of all rows together, which it never saw', () => {
    const { pooled } = view;
    expect(pooled?.sites).toEqual(['aachen', 'bern', 'cork', 'delft', 'essen']);
    const { scores, labels } = together(pooled?.sites ?? []);
    const auroc = aurocEstimate(scores, labels).value as number;
    const brier = scores.reduce((sum, score, row) => sum + (score - (labels[row] as number)) ** 2, 0) / scores.length;
    const treated = (label: number): number =>
      scores.reduce((sum, score, row) => sum + (score >= 0.5 && labels[row] === label ? 1 : 0), 0);
    const benefit = (treated(1) - treated(0)) / scores.length;
    const figures = pooled?.figures;
    for (const [figure, truth, width] of [
      [figures?.auroc, auroc, 0.15],
      [pooled?.auroc, auroc, 0.04],
      [figures?.brier, brier, 0.15],
      [figures?.netBenefit[0]?.figure, benefit, 1e-9],
    ] as const) {
      expect(figure?.low ?? Number.NaN).toBeLessThanOrEqual(truth + 1e-9);
      expect(figure?.high ?? Number.NaN).toBeGreaterThanOrEqual(truth - 1e-9);
      expect((figure?.high ?? 1) - (figure?.low ?? 0)).toBeLessThanOrEqual(2 * width + 1e-9);
    }
    expect(pooled?.brier).toBeCloseTo(brier, 6);
    expect((figures?.events ?? 0) + (figures?.nonEvents ?? 0)).toBe(scores.length);
  });

  it('says what a further hospital should expect, and which one is out of family', () => {
    const [auroc] = view.families;
    expect(auroc?.sites.map(({ site, outOfFamily }) => [site, outOfFamily])).toEqual([
      ['aachen', false],
      ['bern', false],
      ['cork', false],
      ['delft', false],
      ['essen', true],
    ]);
    expect(auroc?.sites.reduce((sum, { weight }) => sum + (weight ?? 0), 0)).toBeCloseTo(1, 12);
    const { low, high } = auroc?.prediction ?? { low: null, high: null };
    expect(low).toBeLessThan(auroc?.mean.low as number);
    expect(high).toBeGreaterThan(auroc?.mean.high as number);
  });

  it('finds where the patients differ: essen from everybody, in age', () => {
    expect(view.shift).toHaveLength(10);
    for (const pair of view.shift) {
      const age = pair.columns.find(({ column }) => column === 'age');
      const far = pair.sites.includes('essen');
      expect((age?.jensenShannon ?? 0) > 2 * (age?.noise ?? 0), pair.sites.join()).toBe(far);
      expect((pair.mmd?.squared ?? 0) > 3 * (pair.mmd?.noiseStandardDeviation ?? 0), `mmd ${pair.sites.join()}`).toBe(
        far,
      );
    }
  });

  it('gives the exact losses, and three terms that add to their difference in cells', () => {
    for (const reason of view.reasons) {
      const own = together([reason.site]);
      const squared = own.scores.reduce((sum, score, row) => sum + (score - (own.labels[row] as number)) ** 2, 0);
      expect(reason.loss.site).toBeCloseTo(squared / own.scores.length, 5);
      const rest = together(hospitals.map(({ site }) => site).filter((site) => site !== reason.site));
      const elsewhere = rest.scores.reduce((sum, score, row) => sum + (score - (rest.labels[row] as number)) ** 2, 0);
      expect(reason.loss.others).toBeCloseTo(elsewhere / rest.scores.length, 5);
      expect(reason.against).toHaveLength(4);
      const terms = reason.split?.terms;
      const sum =
        (terms?.sourceToShared.value ?? 0) +
        (terms?.outcomeGivenFeatures.value ?? 0) +
        (terms?.sharedToTarget.value ?? 0);
      expect(sum).toBeCloseTo(terms?.gap.value as number, 12);
    }
    // At essen like patients have other outcomes: that term is by far the largest.
    const essen = view.reasons.find(({ site }) => site === 'essen')?.split?.terms;
    expect(essen?.outcomeGivenFeatures.low).toBeGreaterThan(0);
  });

  it('is the same for decisions in any order, and holds no figure a hospital has not shared', () => {
    const turned = consortiumView(plan, releaseOf([...decisions].reverse(), ['fulda']));
    expect(canonicalJson(turned)).toBe(canonicalJson(view));
    expect(view.decisions.map(({ rows }) => rows)).toEqual([900, 700, 800, 600, 900]);
    expect(view.notices).toHaveLength(1);
  });

  it('says what is not known', () => {
    expect(view.unknown.join(' ')).toContain('Not judged yet: fulda.');
    const asked = consortiumView(
      plan,
      releaseOf(
        decisions,
        [],
        [
          { site: 'jena' as SiteName, reason: 'no_answer', detail: null },
          { site: 'hof' as SiteName, reason: 'declined', detail: 'too_few_rows: data.too_few_rows' },
        ],
      ),
    );
    expect(asked.unknown).toContain(
      'Asked, and has not judged: hof (declined: too_few_rows: data.too_few_rows), jena (no_answer).',
    );
    expect(consortiumPage(asked)).toContain('2 asked without a judgement');
    expect(view.unknown.join(' ')).not.toContain('has not judged');
    const of = (count: number) => consortiumView(plan, releaseOf(decisions.slice(0, count)));
    expect(of(0).unknown.join(' ')).toContain('No hospital has judged');
    expect(of(0)).toMatchObject({ pooled: null, shift: [], reasons: [] });
    expect(of(0).families[0]?.mean.value).toBeNull();
    expect(of(1).reasons[0]).toMatchObject({ split: null, reason: 'no_other_site' });
    expect(of(2).families[0]?.prediction.low).toBeNull();
    expect(of(2).unknown.join(' ')).toContain('three are needed');
    expect(of(3).families[0]?.prediction.low).not.toBeNull();
    expect(of(3).families[0]?.sites.map(({ outOfFamily }) => outOfFamily)).toEqual([null, null, null]);
    // A hospital too small to share a count is in the list of decisions, and in no figure.
    const small = consortiumView(plan, releaseOf([...decisions.slice(0, 4), decisionOf(hospital('gera', 15, 16))]));
    expect(small.decisions.at(-1)).toMatchObject({ site: 'gera', events: null });
    expect(small.pooled?.sites).not.toContain('gera');
    expect(small.families[0]?.sites.at(-1)).toMatchObject({ site: 'gera', weight: null, outOfFamily: null });
  });

  it('leaves a hospital out of the pool whose few cells would spoil the rest, and names it', () => {
    const [first, second] = decisions as [ReleaseDecision, ReleaseDecision];
    const coarse: ReleaseDecision = {
      ...second,
      judgement: {
        ...second.judgement,
        cells: {
          ...second.judgement.cells,
          scores: { new: { edges: [], events: [200], nonEvents: [500] }, current: null },
        },
      },
    };
    const common = commonHistograms([first, coarse]);
    expect(common.leftOut).toEqual(['bern']);
    expect(common.edges).toEqual(first.judgement.cells.scores.new?.edges);
    expect(commonHistograms([coarse]).sites).toHaveLength(1);
  });

  it('takes values no interval is known of for no part of a family', () => {
    const known = { value: 0.8, low: 0.75, high: 0.84, standardError: 0.02 };
    const one = { value: 1, low: 1, high: 1, standardError: 0 };
    const family = familyOf('auroc', 'logit', [
      { site: 'a', estimate: known },
      { site: 'b', estimate: one },
      { site: 'c', estimate: { value: null, low: null, high: null, reason: 'withheld' } },
    ]);
    expect(family.sites.map(({ weight }) => weight)).toEqual([1, null, null]);
    expect(family.mean.value).toBeCloseTo(0.8, 10);
  });
});

describe('the AUROC of all patients together', () => {
  const site = (edges: number[], events: number[], nonEvents: number[], value: number | null) => ({
    cells: { edges, events, nonEvents },
    auroc: { value, low: null, high: null },
  });

  it('counts pairs across hospitals by cells of different edges', () => {
    // Events at [.5, 1] of the first, non-events at [0, .3) of the second: every pair is won; the other way round all overlap or are lost.
    const first = site([0.5], [0, 20], [20, 0], 1);
    const second = site([0.3, 0.6], [0, 0, 20], [20, 0, 0], 1);
    const both = pooledAuroc([first, second]);
    // Pairs: 400 within each, all won but for rounding; 400 won (first over second); 400 won ([.6, 1] over [0, .5)).
    expect(both.high).toBeCloseTo(1, 12);
    expect(both.low).toBeCloseTo(1, 4);
    const overlapping = pooledAuroc([site([], [20], [20], 0.7), site([], [20], [20], 0.9)]);
    // 800 of 1600 pairs within, known; 800 across, open: (.7 + .9) / 4 plus 0 to a half, and half of that expected.
    expect(overlapping.low).toBeCloseTo(0.4, 4);
    expect(overlapping.high).toBeCloseTo(0.9, 4);
    expect(overlapping.value).toBeCloseTo(0.65, 4);
  });

  it('is undefined without pairs', () => {
    expect(pooledAuroc([])).toMatchObject({ value: null, reason: 'no_rows' });
    expect(pooledAuroc([site([], [20], [0], null)])).toMatchObject({ value: null, reason: 'single_class' });
    // A hospital whose own AUROC is withheld is counted by its cells.
    expect(pooledAuroc([site([0.5], [0, 20], [20, 0], null)])).toMatchObject({ value: 1, low: 1, high: 1 });
  });

  it('takes patients as uniform within their cells where they are open', () => {
    // Events uniform on [0, 1], non-events on [0, .5) or [.5, 1]: P(win) is .75 and .25.
    const events = site([], [40], [0], null);
    expect(pooledAuroc([events, site([0.5], [0, 0], [40, 0], null)]).value).toBeCloseTo(0.75, 12);
    expect(pooledAuroc([events, site([0.5], [0, 0], [0, 40], null)]).value).toBeCloseTo(0.25, 12);
  });
});

describe('the page', () => {
  const text = consortiumPage(view);

  it('is one file without script or request, and small', () => {
    expect(text.length).toBeLessThan(200_000);
    expect(/<script|https?:|url\(|<link|@import|<img/i.test(text)).toBe(false);
    expect(text.includes('default-src &#39;none&#39;')).toBe(true);
  });

  it('names every hospital, the prediction interval and what is not known', () => {
    for (const { site } of hospitals) expect(text.includes(site), site).toBe(true);
    expect(text.includes('A further hospital')).toBe(true);
    expect(text.includes('out of family')).toBe(true);
    for (const sentence of view.unknown) expect(text.includes(sentence.replaceAll("'", '&#39;')), sentence).toBe(true);
  });

  it('shows words of hospitals as text', () => {
    const bad = { ...view, awaited: ['<b>x</b>'], unknown: ['<script>alert(1)</script>'] };
    expect(consortiumPage(bad).includes('<script>')).toBe(false);
  });

  it('tells the exact difference of losses apart from the one in cells', () => {
    const three = (value: number | null | undefined) => (value as number).toFixed(3).replace('-', '\u2212');
    for (const { site, loss, split } of view.reasons) {
      const row = text.split('<tr>').find((one) => one.includes(site) && one.includes(three(loss.others)));
      const cells = (row ?? '').split(/<\/t[dh]>/).map((cell) => cell.replace(/<[^>]*>/g, ''));
      const start = [
        site,
        three(loss.site),
        three(loss.others),
        three((loss.site as number) - (loss.others as number)),
      ];
      expect(cells.slice(0, 4)).toEqual(start);
      expect(cells[4]?.startsWith(three(split?.terms?.gap.value))).toBe(true);
    }
  });

  it('is made of a release nobody has judged, too', () => {
    const empty = consortiumPage(consortiumView(plan, releaseOf([])));
    expect(empty.includes('No hospital has judged this release yet.')).toBe(true);
  });
});
