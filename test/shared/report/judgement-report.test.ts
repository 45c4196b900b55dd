import { describe, expect, it } from 'vitest';
import type { Evidence, Judgement, PackageRecord } from '../../../shared/plan/judgement.ts';
import { reasonCodes } from '../../../shared/plan/judgement.ts';
import type { Policy } from '../../../shared/plan/policy.ts';
import { evidenceFileOf, evidenceText } from '../../../shared/report/evidence-file.ts';
import { decisionRows } from '../../../shared/report/judgement/decision-rows.ts';
import { judgementReport, maximumReportBytes } from '../../../shared/report/judgement/judgement-report.ts';
import { policyFigures } from '../../../shared/report/policy-table.ts';
import { digestOf } from '../../../shared/runtime/digest.ts';
import type { ReleaseVersion } from '../../../shared/runtime/ids.ts';
import { randomStream } from '../../../shared/runtime/random.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { replayEvidence } from '../../../site-agent/judging/evidence-file.ts';
import {
  columnShift,
  estimate,
  goodEvidence,
  goodPackage,
  policyOf,
  subgroupEvidence,
  undefinedFigure,
} from '../../support/evidence.ts';
import { nestingProblems, reachingOut } from '../../support/markup.ts';

function judged(
  evidence: Evidence,
  policy: Policy = policyOf(),
  modelPackage: PackageRecord = goodPackage(),
): Judgement {
  return { decision: decide(policy, modelPackage, evidence), package: modelPackage, evidence };
}

function written(evidence: Evidence, policy: Policy = policyOf(), modelPackage: PackageRecord = goodPackage()) {
  const judgement = judged(evidence, policy, modelPackage);
  return { judgement, ...judgementReport({ judgement, policy }) };
}

/** The first screen: everything before the sections for checking. */
const firstScreenOf = (page: string): string => page.slice(page.indexOf('<main>'), page.indexOf('<nav'));

const nobody = goodEvidence({
  rows: 0,
  events: 0,
  nonEvents: 0,
  current: null,
  performance: null,
  comparison: null,
  auroc: {
    new: undefinedFigure('no_rows'),
    current: undefinedFigure('no_current_model'),
    difference: undefinedFigure('no_current_model'),
  },
  difference: { oneSidedLower: null, twoSidedUpper: null },
  shift: [],
  resolvableMargin: null,
  power: { eventsPerWeek: null, eventsForMargin: null, eventsForNetBenefit: null },
  prevalence: { site: undefinedFigure('no_rows'), consortium: null, ownTraining: null },
});
const harmful = goodEvidence({ difference: { oneSidedLower: -0.09, twoSidedUpper: -0.03 } });
const fewEvents = goodEvidence({ events: 60, rows: 280 });
const everything = goodEvidence({
  subgroups: [subgroupEvidence(), subgroupEvidence({ name: 'men', events: 3 })],
  slices: [
    {
      conditions: [{ column: 'age', text: 'age from 65 years' }],
      rows: 40,
      events: 14,
      loss: 0.3,
      lossElsewhere: 0.14,
      score: 0.7,
      p: 0.001,
      adjustedP: 0.02,
    },
  ],
  lossTree: [{ conditions: [], rows: 400, loss: 0.15 }],
  multivariate: {
    domainClassifier: estimate(0.74, 0.7, 0.78),
    leading: [{ column: 'age', weight: 1.25 }],
    meanDiscrepancy: { value: 0.01, p: 0.001, rows: 1000 },
    energy: null,
    reconstruction: { value: 1.2, p: 0.2 },
    scores: { distance: 0.12, p: 0.04 },
  },
  labelShift: {
    hard: estimate(0.44, 0.38, 0.5),
    soft: estimate(0.45, 0.39, 0.51),
    expectationMaximisation: undefinedFigure('not_identifiable'),
  },
  gap: {
    against: 'own-training',
    loss: { reference: 0.131, site: 0.15 },
    terms: {
      covariateToShared: estimate(0.004, -0.002, 0.01),
      conditional: estimate(0.012, 0.003, 0.021),
      covariateFromShared: estimate(0.003, -0.004, 0.01),
      effectiveRows: { reference: 412, site: 233 },
    },
    labelShare: estimate(0.002, -0.001, 0.005),
    reading: 'mixed',
    tests: { covariates: 0.0002, conditional: 0.01, withinClass: 0.2 },
    text: 'Most of it remains among the same kind of patient.',
  },
  unlabelled: {
    rows: 120,
    auroc: { confidenceBased: estimate(0.82, 0.76, 0.88), adapted: estimate(0.8, 0.73, 0.87) },
    brier: { confidenceBased: estimate(0.16, 0.13, 0.19), adapted: undefinedFigure('too_few_rows') },
  },
});

describe('the report on a judgement', () => {
  it.each([
    [
      'accepted',
      goodEvidence(),
      'Accepted',
      'heart-disease/2 may be used at this hospital as it is, in place of heart-disease/1.',
    ],
    ['on hold', fewEvents, 'On hold', 'heart-disease/1 stays in use; nothing changes for patients.'],
    ['rejected', harmful, 'Rejected', 'heart-disease/2 is not used at this hospital.'],
    ['nobody judged', nobody, 'On hold', 'No model of this plan is in use here, and none comes into use.'],
  ])('says at the top what was decided, and what that means: %s', (_, evidence, word, meaning) => {
    const { page, judgement } = written(evidence);
    const first = firstScreenOf(page);
    expect(first).toContain(`<p class="word">${word}</p>`);
    expect(first).toContain(meaning);
    expect(first).toContain(judgement.decision.reasons[0]?.text);
    expect(nestingProblems(page)).toEqual([]);
    expect(reachingOut(page)).toEqual([]);
    expect(page).not.toMatch(/\bNaN\b|\bundefined\b(?!: )|\[object|Infinity/);
  });

  it('says of a hold what settles it and when it ends', () => {
    const first = firstScreenOf(written(fewEvents).page);
    expect(first).toContain('40 more events (about 12 weeks at 3.5 a week).');
    // Judged on 31 December 2024; the default policy holds for 90 days.
    expect(first).toContain('<strong>2025-03-31</strong>');
    const held = { ...fewEvents, held: { since: '2024-11-01T00:00:00.000Z', judgedAt: fewEvents.judgedAt } };
    expect(firstScreenOf(written(held).page)).toContain('<strong>2025-01-30</strong>');
  });

  it('says when an accepted model must be validated again', () => {
    expect(firstScreenOf(written(goodEvidence()).page)).toContain('Validate it again by <strong>2025-03-31</strong>');
  });

  it('says who may override, from the signed policy', () => {
    const roles = ['clinical lead', 'data protection officer'];
    expect(firstScreenOf(written(fewEvents).page)).toContain('Nobody may accept it against the table');
    expect(firstScreenOf(written(fewEvents, policyOf({ override: { roles } })).page)).toContain(roles.join(', '));
    expect(firstScreenOf(written(harmful).page)).toContain('Nobody: a rejection stands.');
  });

  it('marks the row that decided, and only rows that apply', () => {
    const { page } = written(harmful);
    const table = page.slice(page.indexOf('id="decision"'), page.indexOf('id="patients"'));
    expect(table.match(/\u25b6 decides/g)).toHaveLength(1);
    expect(table).toMatch(/<th scope="row">2<\/th>.*?\u25b6 decides/s);
    const invalid = goodPackage({ valid: false, problems: ['the signature does not verify'] });
    expect(written(goodEvidence(), policyOf(), invalid).page).toContain('not reached');
  });

  it('shows every section of full evidence, undefined figures with their reason in words', () => {
    const { page } = written(
      everything,
      policyOf({ subgroups: { protected: ['women'] }, netBenefit: { threshold: 0.2 } }),
    );
    for (const text of [
      'Effective patients: 412 earlier, 233 now.',
      'undefined: the classes cannot be told apart well enough',
      'undefined: there are too few patients',
      'age from 65 years',
      'Most of it remains among the same kind of patient.',
      'z 0.40, p 0.69',
      'Told from earlier patients (AUROC)',
      '<span class="key">protected</span>',
    ]) {
      expect(page).toContain(text);
    }
    expect(nestingProblems(page)).toEqual([]);
  });

  it('shows what a local update would do', () => {
    const evidence = goodEvidence({
      update: {
        updateRows: 200,
        updateEvents: 91,
        judgedFrom: '2024-07-01T00:00:00.000Z',
        rows: 200,
        events: 89,
        steps: [
          {
            step: 'prior',
            reason: 'not_label_shift',
            p: null,
            calibration: { ...(goodEvidence().performance as NonNullable<Evidence['performance']>).new.calibration },
            auroc: estimate(0.84, 0.8, 0.88),
            loss: estimate(0.4, 0.3, 0.5),
            difference: { estimate: estimate(0.01, -0.01, 0.03), oneSidedLower: -0.01, twoSidedUpper: 0.03 },
            forgetting: estimate(0, 0, 0),
            gapClosed: estimate(0.8, 0.5, 1.1),
          },
        ],
        chosen: null,
        variant: null,
      },
    });
    const { page } = written(evidence, policyOf({ update: { allowed: ['prior'] } }));
    expect(page).toContain('not fitted: the change is not one of the share of events alone');
    expect(page).toContain('200 later patients, 89 events');
  });

  it('lets nothing in the evidence become markup', () => {
    const hostile = '<img src=x onerror=alert(1)>"\'&';
    const { page } = written(
      goodEvidence({
        shift: [columnShift({ column: hostile, found: true, large: true, kind: 'unit', explanation: hostile, psi: 1 })],
        subgroups: [subgroupEvidence({ name: hostile })],
        excluded: { [hostile]: 3 },
        release: { version: hostile as ReleaseVersion, digest: goodEvidence().release.digest },
      }),
      policyOf({ override: { roles: ['<b>', '<i>'] } }),
      goodPackage({ problems: [hostile] }),
    );
    expect(reachingOut(page.replaceAll('onerror=', ''))).toEqual([]);
    expect(page).not.toContain('<img');
    expect(nestingProblems(page)).toEqual([]);
  });

  it('is the same bytes for the same judgement', () => {
    expect(written(everything).page).toBe(written(everything).page);
  });

  it('tells what people decided since', () => {
    const judgement = judged(fewEvents);
    const { page } = judgementReport({
      judgement,
      policy: policyOf(),
      people: [
        {
          at: '2025-01-02T10:00:00.000Z',
          what: 'refuse it',
          by: [{ name: 'A. Lee', role: 'lead' }],
          reason: 'too soon',
        },
      ],
    });
    expect(firstScreenOf(page)).toContain('People have decided on this since');
    expect(page).toContain('A. Lee (lead)');
  });

  it.each([
    ['accept', goodEvidence(), 'stays in use'],
    ['hold', fewEvents, 'It stays in use meanwhile'],
    ['reject', harmful, 'Harm is shown: it is taken out of use'],
  ])(
    'does not say of a model in use that was judged anew, to %s, that it is not used',
    (decision, evidence, sentence) => {
      const judgement = judged(evidence);
      expect(judgement.decision.decision).toBe(decision);
      const screen = firstScreenOf(judgementReport({ judgement, policy: policyOf(), inUse: true }).page);
      expect(screen).toContain(sentence);
      for (const wrong of ['is not used', 'nothing changes for patients', 'This hold ends on', 'Two people together']) {
        expect(screen).not.toContain(wrong);
      }
      // What it was compared with is the version before, and is not in use.
      expect(screen).not.toContain(`Go on with ${evidence.current?.version}`);
    },
  );

  it('calls a difference that rounds to nothing neither better nor worse', () => {
    const { auroc } = goodEvidence();
    const of = (value: number): string =>
      firstScreenOf(written(goodEvidence({ auroc: { ...auroc, difference: { ...auroc.difference, value } } })).page);
    expect(of(-0.0004)).toContain('orders pairs as well as');
    expect(of(-0.006)).toContain('about 0.6 pairs in 100 worse');
    expect(of(0.006)).toContain('about 0.6 pairs in 100 better');
  });

  it('puts no tick to the size of risks where calibration is why it is held, or an update is needed', () => {
    const calibration = goodEvidence().performance?.new.calibration;
    if (calibration === undefined) throw new Error('the sample has no calibration');
    const off = goodEvidence();
    const performance = off.performance;
    if (performance === null) throw new Error('the sample has no performance');
    const evidence = goodEvidence({
      performance: {
        ...performance,
        new: {
          ...performance.new,
          calibration: { ...calibration, intercept: { ...calibration.intercept, value: 1.2, low: 0.9, high: 1.4 } },
        },
      },
    });
    const { judgement, page } = written(evidence);
    expect(judgement.decision.reasons[0]?.code).toBe('calibration.failed');
    const figure = page.slice(page.indexOf('Are its risks true to size?'));
    expect(figure.slice(0, figure.indexOf('Does acting'))).toContain('missed; see why');
    expect(figure.slice(0, figure.indexOf('Does acting'))).not.toContain('met</strong>');
  });

  it('says so when the policy shown is not the one that decided', () => {
    const judgement = judged(goodEvidence());
    expect(judgementReport({ judgement, policy: policyOf() }).page).not.toContain('is not the one that decided');
    expect(judgementReport({ judgement, policy: policyOf({ name: 'another' }) }).page).toContain(
      'is not the one that decided',
    );
  });
});

describe('2,000 columns', () => {
  const random = randomStream(3);
  const next = (): number => random.uniform();
  const shift = Array.from({ length: 2000 }, (_, index) =>
    (['consortium', 'own-training'] as const).map((against) =>
      columnShift({
        column: `laboratory_value_${index}`,
        against,
        statistic: next() * 30,
        p: next(),
        adjustedP: next(),
        psi: next() / 10,
        jensenShannon: next(),
        scaledWasserstein: next(),
        kolmogorov: next(),
        missingRate: next() / 10,
        referenceMissingRate: next() / 10,
        ...(index % 40 === 0
          ? {
              found: true,
              large: true,
              kind: 'distribution' as const,
              explanation: `laboratory_value_${index} is higher here.`,
            }
          : {}),
      }),
    ),
  ).flat();
  const { page, embedded, evidence } = written(goodEvidence({ shift }));

  it('fit into one page with their evidence', () => {
    expect(Buffer.byteLength(page)).toBeLessThan(maximumReportBytes);
    expect(embedded).toBe(true);
    expect(evidenceFileOf(page)).toBe(evidence.text);
    expect(page).toContain('laboratory_value_1999');
  });
});

describe('the evidence file in a report', () => {
  const { page, judgement, evidence } = written(everything);

  it('comes out as it went in, and replays', () => {
    const text = evidenceFileOf(page);
    expect(text).toBe(evidence.text);
    expect(digestOf(text as string)).toBe(evidence.digest);
    expect(page).toContain(`data-digest="${evidence.digest}"`);
    const replay = replayEvidence(text as string, 'report.html');
    expect(replay.same).toBe(true);
    expect(replay.decision).toEqual(judgement.decision);
  });

  it('is packed when it is large', () => {
    const slices = Array.from({ length: 3000 }, (_, index) => ({
      conditions: [{ column: 'age', text: `age from ${index}` }],
      rows: 40,
      events: 14,
      loss: 0.3,
      lossElsewhere: 0.14,
      score: 0.7,
      p: 0.5,
      adjustedP: 1,
    }));
    const large = written(goodEvidence({ slices }));
    expect(large.page).toContain('href="data:application/gzip;base64,');
    expect(evidenceFileOf(large.page)).toBe(evidenceText(large.judgement, policyOf()).text);
  });

  it('is not taken where another was put in its place, or beside it', () => {
    const forged = Buffer.from(evidence.text.replace('"rows":', '"rows":1'), 'utf8').toString('base64');
    const base64 = /(;base64,)[A-Za-z0-9+/=]+(">Save)/;
    expect(page).toMatch(base64);
    expect(evidenceFileOf(page.replace(base64, `$1${forged}$2`))).toBeNull();
    const link = /<a data-wardround="evidence-file"[^>]*>/.exec(page)?.[0] as string;
    expect(evidenceFileOf(page.replace('<body', `${link}</a><body`))).toBeNull();
  });

  it('is not found where there is none, or a damaged one', () => {
    expect(evidenceFileOf('<!doctype html><p>no report</p>')).toBeNull();
    const link = `<a data-wardround="evidence-file" data-digest="${'0'.repeat(64)}" download="x" href="data:application/gzip;base64,AAAA">`;
    expect(evidenceFileOf(link)).toBeNull();
  });
});

describe('the decision table in the report', () => {
  it('has each reason in exactly one row, and notes in none', () => {
    const rows = decisionRows.flatMap(({ codes }) => codes);
    expect([...rows].sort()).toEqual(reasonCodes.filter((code) => !code.startsWith('noted.')).sort());
  });
});

describe('the policy in the report', () => {
  it('is shown with every figure and its meaning', () => {
    const leaves = (value: unknown, path: string): readonly string[] =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, child]) => leaves(child, path === '' ? key : `${path}.${key}`))
        : [path];
    const figures = policyFigures(policyOf());
    expect(figures.map(({ path }) => path).sort()).toEqual([...leaves(policyOf(), '')].sort());
    expect(figures.every(({ meaning }) => meaning.length > 10)).toBe(true);
    expect(figures.find(({ path }) => path === 'auroc.margin')?.value).toBe('0.02');
  });
});
