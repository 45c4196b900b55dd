import type { ClassificationFigures, Estimate, Judgement, PairedFigure, Performance } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { estimateText, figure, pText } from '../figures.ts';
import { type Html, html, type Part } from '../html.ts';
import { calibrationPlot, decisionCurvePlot, type NamedPerformance } from '../performance-plots.ts';
import { table } from '../table.ts';
import { undefinedText } from '../words.ts';

/** Estimate with its interval; where undefined, why, in words. */
export function told(estimate: Estimate | null | undefined, decimals = 3): Part {
  if (estimate === null || estimate === undefined) return html`<span class="key">not computed</span>`;
  if (estimate.value === null) return html`<span class="key">undefined: ${undefinedText(estimate.reason)}</span>`;
  if (estimate.low === null || estimate.high === null) {
    return html`${figure(estimate.value, decimals)} <span class="key">no interval: ${undefinedText(estimate.reason)}</span>`;
  }
  return estimateText(estimate, decimals);
}

function atThreshold(
  figures: ClassificationFigures | null,
  name: Exclude<keyof ClassificationFigures, 'threshold'>,
): Part {
  return figures === null ? html`<span class="key">${undefinedText('no_threshold')}</span>` : told(figures[name]);
}

interface Measure {
  readonly name: string;
  readonly method: string;
  readonly of: (performance: Performance) => Part;
  readonly rule?: (policy: Policy) => string;
}

const measures: readonly Measure[] = [
  {
    name: 'AUROC',
    method:
      'Mann-Whitney with ties as half; DeLong et al. 1988 by ranks (Sun and Xu 2014), interval on log odds (Pepe 2003)',
    of: ({ auroc }) => told(auroc),
    rule: ({ auroc }) => `floor ${auroc.floor}`,
  },
  { name: 'AUROC, plain interval', method: 'the same, Wald', of: ({ aurocPlain }) => told(aurocPlain) },
  {
    name: 'Average precision',
    method: 'step-wise area under precision and recall; told, never a rule',
    of: ({ averagePrecision }) => told(averagePrecision),
  },
  { name: 'Brier score', method: 'mean squared error of the risk (Brier 1950)', of: ({ brier }) => told(brier) },
  {
    name: 'Scaled Brier score',
    method: '1 less Brier score over that of the share of events',
    of: ({ scaledBrier }) => told(scaledBrier),
  },
  { name: 'Log loss', method: 'mean negative log likelihood', of: ({ logLoss }) => told(logLoss) },
  {
    name: 'Calibration slope',
    method: 'logistic recalibration (Cox 1958; Steyerberg 2019, 15.3)',
    of: ({ calibration }) => told(calibration.slope),
    rule: ({ calibration }) => `interval must meet ${calibration.slope.join(' to ')}`,
  },
  {
    name: 'Calibration in the large',
    method: 'intercept with the log odds of the risk as offset',
    of: ({ calibration }) => told(calibration.intercept),
    rule: ({ calibration }) => `interval must meet ${calibration.intercept.join(' to ')}`,
  },
  {
    name: 'Observed over expected',
    method: 'interval on the log scale (Debray et al. 2017)',
    of: ({ calibration }) => told(calibration.observedExpected),
    rule: ({ calibration }) => `interval must meet ${calibration.observedExpected.join(' to ')}`,
  },
  {
    name: 'Integrated calibration index',
    method: 'mean distance of a spline curve from the diagonal (Austin and Steyerberg 2019)',
    of: ({ calibration: { ici, iciNull } }) =>
      html`${told(ici)}${iciNull === null ? null : html` <span class="key">chance alone: up to ${figure(iciNull)}</span>`}`,
    rule: ({ calibration }) =>
      `interval must reach ${calibration.ici} or below, or the index lie within what chance explains`,
  },
  {
    name: 'E50, E90',
    method: 'median and 90th percentile of that distance',
    of: ({ calibration: { e50, e90 } }) => `${figure(e50)}, ${figure(e90)}`,
  },
  {
    name: 'Expected calibration error',
    method: '10 bins of equal width; told, never a rule',
    of: ({ calibration }) => told(calibration.ece),
  },
  {
    name: 'Spiegelhalter',
    method: 'z test of calibration (Spiegelhalter 1986)',
    of: ({ calibration: { spiegelhalter } }) =>
      spiegelhalter === null ? '–' : `z ${figure(spiegelhalter.z, 2)}, p ${pText(spiegelhalter.p)}`,
  },
  {
    name: 'Net benefit',
    method: 'at the operating threshold (Vickers and Elkin 2006)',
    of: ({ netBenefit }) => told(netBenefit, 4),
  },
  {
    name: 'Sensitivity',
    method: 'at the operating threshold; Wilson 1927',
    of: ({ classification }) => atThreshold(classification, 'sensitivity'),
  },
  { name: 'Specificity', method: 'the same', of: ({ classification }) => atThreshold(classification, 'specificity') },
  {
    name: 'Positive predictive value',
    method: 'the same',
    of: ({ classification }) => atThreshold(classification, 'positivePredictive'),
  },
  {
    name: 'Negative predictive value',
    method: 'the same',
    of: ({ classification }) => atThreshold(classification, 'negativePredictive'),
  },
];

function paired(
  name: string,
  { estimate, oneSidedLower, twoSidedUpper }: PairedFigure,
  decimals: number,
  method: string,
): readonly Part[] {
  return [name, told(estimate, decimals), figure(oneSidedLower, decimals), figure(twoSidedUpper, decimals), method];
}

function comparisonTable({ evidence }: Judgement, policy: Policy): Html {
  const { comparison, current } = evidence;
  if (current === null) return html`<p>No model of this plan is in use here, so there is none to compare with.</p>`;
  if (comparison === null)
    return html`<p>The comparison cannot be computed: ${undefinedText(evidence.auroc.difference.reason)}.</p>`;
  const { auroc, netBenefit, sensitivity, specificity, bootstrap } = comparison;
  const level = (share: number): string => `${figure(100 * (1 - share), 1)}%`;
  return html`${table({
    caption: html`New less current, on the same patients, complete pairs. Non-inferior when the lower bound is above minus the margin; harm when the upper bound is below minus the margin. Margins: ${policy.auroc.margin} in AUROC${policy.netBenefit.threshold === null ? '' : `, ${policy.netBenefit.margin} in net benefit`}.`,
    columns: [
      'figure',
      'difference (95%)',
      `lower, one-sided ${level(evidence.look.oneSidedLevel)}`,
      `upper, two-sided ${level(evidence.look.twoSidedLevel)}`,
      'method',
    ],
    rows: [
      paired('AUROC', auroc, 4, 'DeLong covariance (1988)'),
      paired('Net benefit', netBenefit, 5, 'standard error over patients of their contributions'),
      [
        'Sensitivity',
        told(sensitivity.difference),
        '–',
        '–',
        `Bonett and Price 2012; McNemar exact p ${pText(sensitivity.mcNemarP)}`,
      ],
      [
        'Specificity',
        told(specificity.difference),
        '–',
        '–',
        `Bonett and Price 2012; McNemar exact p ${pText(specificity.mcNemarP)}`,
      ],
    ],
  })}${
    bootstrap === null
      ? null
      : html`<p class="faint">As a check with few events: stratified paired bootstrap of the AUROC difference ${told(bootstrap.estimate, 4)}, ${bootstrap.resamples} resamples, seed ${bootstrap.seed}.</p>`
  }`;
}

/** How the model performs on the judged patients, and against the one in use. */
export function performanceSection(judgement: Judgement, policy: Policy): Html {
  const { evidence } = judgement;
  const { performance, release, current } = evidence;
  const head = html`<h2>3. How the model performs here</h2>`;
  if (performance === null) {
    return html`<section id="performance">${head}<p>No figure of performance could be computed: ${
      evidence.task === 'binary'
        ? undefinedText(evidence.auroc.new.reason ?? 'no_rows')
        : `a ${evidence.task} model is not judged by this version`
    }.</p></section>`;
  }
  const models: NamedPerformance[] = [
    { name: release.version, look: 'new', performance: performance.new },
    ...(performance.current === null || current === null
      ? []
      : [{ name: current.version, look: 'current' as const, performance: performance.current }]),
  ];
  const plots = [calibrationPlot(models), decisionCurvePlot(models, policy.netBenefit.threshold)].flatMap(
    (plot) => plot ?? [],
  );
  return html`<section id="performance">${head}${plots.length === 0 ? null : html`<div class="plots">${plots}</div>`}${table(
    {
      caption: '95% intervals in brackets.',
      columns: ['measure', ...models.map(({ name }) => name), 'policy', 'method'],
      rows: measures.map(({ name, method, of, rule }) => [
        name,
        ...models.map((model) => of(model.performance)),
        rule === undefined ? null : rule(policy),
        html`<span class="key">${method}</span>`,
      ]),
    },
  )}${performance.new.classification === null ? null : html`<p class="faint">Operating threshold: ${performance.new.classification.threshold}.</p>`}<h3>Against the model in use</h3>${comparisonTable(judgement, policy)}</section>`;
}
