import { modelCountsText } from '../graph/model-size.ts';
import { familyText, lossText, payloadText, trainingText } from '../graph/model-words.ts';
import type { Estimate } from '../plan/judgement.ts';
import type { Plan } from '../plan/plan.ts';
import type { Policy } from '../plan/policy.ts';
import { estimateText, figure, percentText } from '../report/figures.ts';
import { stepWords, undefinedText } from '../report/words.ts';
import { listed, type Matter, open, type Recorded, said, tabled } from './document.ts';
import {
  type CardRecord,
  type KnownJudgement,
  knownNotices,
  type PacketRecord,
  policyOf,
  subjectCard,
  subjectJudgements,
} from './record.ts';

export const planSource = ({ plan }: PacketRecord): string => `plan ${plan.digest.slice(0, 16)}`;
export const policySource = ({ site, plan }: PacketRecord): string =>
  site?.approval === null || site?.approval === undefined
    ? `gate policy of plan ${plan.digest.slice(0, 16)}`
    : `policy ${site.approval.policyDigest.slice(0, 16)}, signed by ${site.site} on ${site.approval.at.slice(0, 10)}`;
export const softwareSource = ({ software }: PacketRecord): string => `Wardround ${software}, its documentation`;

const cardSource = ({ release }: PacketRecord): string => `card of ${release?.version ?? 'the release'}`;

export function estimateOf(estimate: Estimate | null | undefined, decimals = 3): string {
  if (estimate === null || estimate === undefined) return 'not computed';
  if (estimate.value !== null) return estimateText(estimate, decimals);
  return estimate.reason === 'withheld' ? 'kept at the hospital' : `undefined: ${undefinedText(estimate.reason)}`;
}

/** In place of a figure that is null: a hospital keeps it, or it could not be computed. */
function missing(whole: boolean): string {
  return whole ? 'not known' : 'kept at the hospital';
}

export function countOrKept(count: number | null): string {
  return count === null ? 'kept at the hospital' : String(count);
}

export function purpose(record: PacketRecord): Recorded {
  return said(record.plan.plan.purpose, planSource(record));
}

/** The columns a model takes: name, kind, unit or levels, and what happens when one is missing. */
export function inputs(record: PacketRecord): Recorded {
  return tabled(
    ['column', 'kind', 'unit or levels', 'plausible range', 'when missing', 'meaning'],
    record.plan.plan.data.columns.map((column) =>
      column.kind === 'continuous'
        ? [column.name, 'numeric', column.unit, column.range.join(' to '), column.missing, column.description ?? '']
        : [column.name, 'categorical', column.levels.join(', '), '', column.missing, column.description ?? ''],
    ),
    planSource(record),
  );
}

export function outcome(record: PacketRecord): Recorded {
  const { label, outcomeWindowDays } = record.plan.plan.data;
  const values =
    'levels' in label ? `levels ${label.levels.join(', ')}` : `in ${label.unit}, ${label.range.join(' to ')}`;
  const window =
    outcomeWindowDays === 0 ? 'known at once' : `final ${outcomeWindowDays} days after the time of prediction`;
  return said(
    `${label.name}: ${values}; ${window}.${label.description === undefined ? '' : ` ${label.description}.`}`,
    planSource(record),
  );
}

export function modelText(plan: Plan): string {
  const payload = payloadText(plan.data);
  const parts = [
    `${plan.task.kind} task`,
    familyText(plan),
    payload === null ? null : `reads ${payload}`,
    modelCountsText(plan),
    lossText(plan.training),
    trainingText(plan),
  ];
  return `${parts.filter((part) => part !== null).join('; ')}.`;
}

export function federationText({ federation }: Plan): string {
  return (
    `${federation.rounds} rounds of federated averaging over ${federation.sites.minimum} to ${federation.sites.target} hospitals; rows stay where they are. ` +
    `A hospital weighs at most ${federation.weightCap} rows; an update with a norm above ${federation.maximumDeltaNorm} is refused; figures from fewer than ${federation.minimumCount} patients stay at the hospital.`
  );
}

export function lineage(record: PacketRecord): readonly Matter[] {
  const card = subjectCard(record);
  if (record.release === null) return [open('No release has been made under this plan yet.', 'the consortium')];
  const head = said(
    `${record.release.version}, digest ${record.release.digest}, of the model ${record.plan.plan.name}.`,
    record.consortium === null
      ? `model registry of ${record.site?.site ?? 'the hospital'}`
      : 'release list of the coordinator',
  );
  if (card === null) {
    return [head, open("The release's card with its lineage: it is on record at the coordinator.", 'the consortium')];
  }
  return [
    head,
    said(
      `Trained in run ${card.run}, ${card.parent === null ? 'from the seed in the plan' : `from the weights of ${card.parent}`}, published ${card.created}, by ${card.software}, by ${card.sites.length} hospitals (${card.sites.join(', ')}).`,
      cardSource(record),
    ),
  ];
}

/** Rounds of training with who took part, was left out, and how many rows each brought. */
export function trainingRecord(record: PacketRecord): Matter {
  const card = subjectCard(record);
  if (card === null)
    return open('The rounds of training: they are in the card, on record at the coordinator.', 'the consortium');
  return tabled(
    ['round', 'published', 'hospitals (training rows)', 'left out, and why'],
    card.rounds.map(({ round, published, updates, excluded }) => [
      String(round),
      published,
      updates.map(({ site, examples }) => `${site} (${examples})`).join(', '),
      excluded.map(({ site, reason }) => `${site}: ${reason}`).join(', '),
    ]),
    cardSource(record),
    'Round 0 is the summary round.',
  );
}

export function trainingRows(card: CardRecord | null): number | null {
  const [summary] = card?.rounds ?? [];
  return summary === undefined ? null : summary.updates.reduce((sum, { examples }) => sum + examples, 0);
}

function performanceRow({ site, version, decision, evidence, at, whole }: KnownJudgement): readonly string[] {
  const figures = evidence.performance?.new;
  const told = (estimate: Estimate | undefined, decimals: number): string =>
    estimate === undefined ? missing(whole) : estimateOf(estimate, decimals);
  return [
    site,
    version,
    at.slice(0, 10),
    evidence.kind,
    countOrKept(evidence.rows),
    countOrKept(evidence.events),
    estimateOf(evidence.auroc.new),
    evidence.current === null ? 'no model in use' : estimateOf(evidence.auroc.difference),
    told(figures?.calibration.observedExpected, 2),
    told(figures?.calibration.slope, 2),
    told(figures?.netBenefit, 4),
    decision,
  ];
}

const performanceColumns = [
  'hospital',
  'release',
  'judged',
  'kind',
  'patients',
  'events',
  'AUROC (95%)',
  'AUROC less current (95%)',
  'observed over expected (95%)',
  'calibration slope (95%)',
  'net benefit (95%)',
  'decision',
] as const;

const judged = (judgements: readonly KnownJudgement[]): string =>
  [...new Set(judgements.map(({ source }) => source))].join('; ');

/** Performance at each hospital that judged the release, or that none has. */
export function performance(record: PacketRecord, judgements = subjectJudgements(record)): Matter {
  if (judgements.length === 0) return open('No hospital whose record is here has judged this release.', 'the hospital');
  return tabled(performanceColumns, judgements.map(performanceRow), judged(judgements));
}

const pooledNames = { auroc: 'AUROC', slope: 'calibration slope', observedExpected: 'observed over expected' } as const;

/** The figures over hospitals, and where a further hospital's own is expected; open where the consortium's record is not here. */
export function pooledPerformance(record: PacketRecord): Matter {
  const release = record.consortium?.releases.find(({ version }) => version === record.release?.version);
  if (release === undefined) {
    return open(
      'Performance over all hospitals with its heterogeneity: it is on record at the coordinator.',
      'the consortium',
    );
  }
  const pooled = release.pooled.filter(({ sites }) => sites.length > 1);
  if (pooled.length === 0)
    return said('Fewer than two hospitals have shared figures that can be pooled.', 'judgements shared');
  return tabled(
    ['figure', 'hospitals', 'mean (95%)', 'expected at a further hospital (95%)', 'I²', 'out of family'],
    pooled.map(({ figure: name, sites, mean, prediction, iSquared, outOfFamily }) => [
      pooledNames[name],
      String(sites.length),
      estimateOf(mean),
      prediction.low === null || prediction.high === null
        ? undefinedText(prediction.reason)
        : `${figure(prediction.low)} to ${figure(prediction.high)}`,
      percentText(iSquared, 0),
      outOfFamily.join(', '),
    ]),
    'judgements shared',
    'Random effects (restricted maximum likelihood, Knapp-Hartung), AUROC on log odds, observed over expected on the logarithm; prediction interval of Higgins, Thompson and Spiegelhalter (2009).',
  );
}

/** Judgements of the release at hospitals that took no part in its training; null where its card, which says who did, is not on record. */
function outsideTraining(record: PacketRecord): readonly KnownJudgement[] | null {
  const card = subjectCard(record);
  return card === null ? null : subjectJudgements(record).filter(({ site }) => !card.sites.includes(site));
}

/** Hospitals that judged the release without having trained it, and what they found. */
export function externalPerformance(record: PacketRecord): readonly Matter[] {
  const outside = outsideTraining(record);
  if (outside === null)
    return [open('Whether a hospital that judged it took no part in its training.', 'the consortium')];
  if (outside.length === 0) {
    return [
      said(
        'Every hospital on record that judged it took part in its training, on earlier patients.',
        cardSource(record),
      ),
      open('Performance at a hospital that took no part in the training.', 'the consortium'),
    ];
  }
  return [performance(record, outside)];
}

export function subgroupPerformance(record: PacketRecord, judgements = subjectJudgements(record)): Matter {
  const rows = judgements.flatMap(({ site, evidence, whole }) =>
    evidence.subgroups.map((group) => [
      site,
      group.name,
      countOrKept(group.rows),
      countOrKept(group.events),
      estimateOf(group.auroc.new),
      estimateOf(group.auroc.difference),
      estimateOf(group.sensitivity.new),
      estimateOf(group.observedExpected, 2),
      group.resolvableMargin === null ? missing(whole) : group.resolvableMargin.toFixed(3),
    ]),
  );
  const { subgroups } = record.plan.plan.data;
  if (rows.length === 0) {
    return subgroups.length === 0
      ? open('The plan names no subgroups, so no performance by subgroup is judged.', 'the manufacturer or provider')
      : open('No judgement of this release by subgroup is on record.', 'the hospital');
  }
  return tabled(
    [
      'hospital',
      'subgroup',
      'patients',
      'events',
      'AUROC (95%)',
      'AUROC less current',
      'sensitivity',
      'observed over expected',
      'resolvable loss of AUROC',
    ],
    rows,
    judged(judgements),
  );
}

export function externalSubgroups(record: PacketRecord): Matter {
  const outside = outsideTraining(record) ?? [];
  return outside.length === 0
    ? open('Performance by subgroup at a hospital that took no part in the training.', 'the consortium')
    : subgroupPerformance(record, outside);
}

export function shiftFound(record: PacketRecord): Matter {
  const judgements = subjectJudgements(record);
  if (judgements.length === 0) return open('No judgement of this release is on record.', 'the hospital');
  const rows = judgements.flatMap(({ site, evidence, whole }) =>
    evidence.shift
      .filter(({ found }) => found)
      .slice(0, 60)
      .map((row) => [
        site,
        row.column,
        row.against === 'consortium' ? 'the consortium' : 'own training rows',
        row.kind ?? '',
        row.psi === null ? missing(whole) : row.psi.toFixed(2),
        row.adjustedP === null ? missing(whole) : row.adjustedP < 0.0001 ? '< 0.0001' : row.adjustedP.toFixed(4),
        row.explanation ?? '',
      ]),
  );
  if (rows.length === 0)
    return said(
      'No column was found to be distributed otherwise, as far as the patients can show.',
      judged(judgements),
    );
  return tabled(
    ['hospital', 'column', 'against', 'looks like', 'PSI', 'adjusted p', 'in words'],
    rows,
    judged(judgements),
  );
}

export function prevalences(record: PacketRecord): Matter {
  const judgements = subjectJudgements(record);
  if (judgements.length === 0) return open('No judgement of this release is on record.', 'the hospital');
  return tabled(
    ['hospital', 'share of events, judged patients', 'own training rows', 'consortium'],
    judgements.map(({ site, evidence: { prevalence } }) => [
      site,
      estimateOf(prevalence.site),
      percentText(prevalence.ownTraining),
      percentText(prevalence.consortium),
    ]),
    judged(judgements),
  );
}

export function exclusions(record: PacketRecord): Matter {
  const judgements = subjectJudgements(record);
  if (judgements.length === 0) return open('No judgement of this release is on record.', 'the hospital');
  return tabled(
    ['hospital', 'judged', 'events', 'left out, by reason'],
    judgements.map(({ site, evidence }) => [
      site,
      countOrKept(evidence.rows),
      countOrKept(evidence.events),
      Object.entries(evidence.excluded)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([code, count]) => `${code}: ${countOrKept(count)}`)
        .join(', '),
    ]),
    judged(judgements),
  );
}

/** What the gate asks for, in sentences with the signed figures. */
export function acceptanceCriteria(record: PacketRecord): Recorded {
  const policy = policyOf(record);
  return listed(criteriaOf(policy), policySource(record));
}

export function criteriaOf(policy: Policy): readonly string[] {
  const { auroc, netBenefit, calibration, subgroups, missingness, data, looks } = policy;
  return [
    `Non-inferior to the model in use: the lower bound of the paired AUROC difference above -${auroc.margin}; harm, and rejection, when its upper bound is below -${auroc.margin}.`,
    `AUROC at least ${auroc.floor}.`,
    ...(netBenefit.threshold === null
      ? ['No operating threshold is set, so net benefit is not judged.']
      : [`Net benefit at ${netBenefit.threshold} non-inferior within ${netBenefit.margin}.`]),
    `At least ${policy.minimumEvents} events and ${policy.minimumNonEvents} patients without.`,
    `Calibration: the 95% interval of the slope meets ${calibration.slope.join(' to ')}, of the intercept ${calibration.intercept.join(' to ')}, of observed over expected ${calibration.observedExpected.join(' to ')}; ICI up to ${calibration.ici}; else ${calibration.onFailure}.`,
    `No subgroup with ${subgroups.minimumEvents} events and as many without worse by more than ${subgroups.margin} in AUROC or sensitivity (Holm, ${subgroups.alpha})${subgroups.protected.length === 0 ? '' : `; protected: ${subgroups.protected.join(', ')}`}.`,
    `Missing values up to ${percentText(missingness.maximumRate)} of a column, or ${missingness.referenceMultiple} times the reference; unknown levels up to ${percentText(data.maximumUnseenShare)}; outcomes pending up to ${percentText(data.maximumPendingShare)}; patients at most ${data.maximumAgeDays} days old.`,
    `At most ${looks.maximum} looks at one release on growing data (${looks.spending} spending); a hold ends as a rejection after ${policy.holdDays} days.`,
    `Retrospective rows ${policy.acceptRetrospective ? 'may' : 'may not'} accept.`,
  ];
}

/** What is watched after acceptance, with the signed figures. */
export function monitoring(record: PacketRecord): Recorded {
  const { monitor } = policyOf(record);
  return tabled(
    ['signal', 'figure watched', 'bound'],
    [
      [
        'performance',
        'squared error against the accepted level (e-process)',
        `tolerance ${monitor.brierTolerance}; watched from an evidence of ${monitor.warnEvidence}`,
      ],
      [
        'calibration',
        'risk-adjusted CUSUM, odds up and down',
        `odds ratio ${monitor.oddsRatio}; threshold simulated on the hospital's own risks`,
      ],
      [
        'window',
        'observed over expected, z a window',
        `${monitor.windowPatients} patients; ${monitor.windowWarn} warns, ${monitor.windowAlarm} revalidates`,
      ],
      ['unlabelled', 'AUROC and Brier score expected without outcomes', 'below the accepted lower bound'],
      [
        'inputs',
        'distribution, missing values, unknown levels of each column',
        `scaled Wasserstein ${monitor.scaledWasserstein}, Jensen-Shannon ${monitor.jensenShannon}`,
      ],
      ['prior', 'share of events read from scores', `ratio outside ${monitor.priorRatio.join(' to ')}`],
      ['subgroup', "the same within the plan's subgroups", 'as above'],
      [
        'pipe',
        'volume, latency, staleness',
        `${monitor.volumeDeviations} standard deviations; a missing day or changed unit revalidates`,
      ],
      ['time', 'days since the last validation', `${monitor.maximumDays}; halved after strong shift`],
    ],
    policySource(record),
    `False alarms over the life of one accepted model, all signals together: at most ${percentText(monitor.falseAlarmRate)} in ${monitor.lifetimePatients} patients.`,
  );
}

export function noticesRecord(record: PacketRecord): Matter {
  const notices = knownNotices(record);
  if (notices.length === 0) return said('No change of state is on record.', 'notices');
  return tabled(
    ['when', 'hospital', 'release', 'from', 'to', 'in use after', 'because of', 'decided by people as'],
    notices.map((notice) => [
      notice.at,
      notice.site,
      notice.release.version,
      notice.from ?? '',
      notice.to,
      notice.inUse ?? 'none',
      notice.signals.map(({ signal, level }) => `${signal} (${level})`).join(', '),
      notice.byRoles?.join(', ') ?? '',
    ]),
    'notices of the hospitals',
  );
}

export const updateText = (policy: Policy): string =>
  policy.update.allowed.length === 0
    ? 'No local update is allowed.'
    : `Allowed local updates: ${policy.update.allowed.map((step) => stepWords[step]).join('; ')}.`;

/** Local updates that were made, and what they did on later patients. */
export function updatesRecord(record: PacketRecord): Matter {
  const rows = subjectJudgements(record).flatMap(({ site, evidence }) => {
    const chosen = evidence.update?.steps.find(({ step }) => step === evidence.update?.chosen);
    return chosen === undefined
      ? []
      : [
          [
            site,
            stepWords[chosen.step],
            estimateOf(chosen.calibration.observedExpected, 2),
            estimateOf(chosen.auroc),
            estimateOf(chosen.gapClosed, 2),
            estimateOf(chosen.forgetting),
          ],
        ];
  });
  return rows.length === 0
    ? said(`No local update of this release is on record. ${updateText(policyOf(record))}`, policySource(record))
    : tabled(
        ['hospital', 'update', 'observed over expected after', 'AUROC after', 'gap closed', 'forgetting'],
        rows,
        judged(subjectJudgements(record)),
      );
}
