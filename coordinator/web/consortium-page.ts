import type { Estimate } from '../../shared/plan/judgement.ts';
import { countText, estimateText, figure, instantText, percentText, pText } from '../../shared/report/figures.ts';
import { type ForestRow, forest } from '../../shared/report/forest.ts';
import { type HeatCell, heatMatrix } from '../../shared/report/heat.ts';
import { type Html, html } from '../../shared/report/html.ts';
import { page } from '../../shared/report/page.ts';
import { facts, table } from '../../shared/report/table.ts';
import { undefinedText } from '../../shared/report/words.ts';
import type { BoundedFigure } from '../../shared/statistics/shared-counts.ts';
import type { ConsortiumView, SiteReasons } from './consortium-view.ts';
import type { Family } from './family.ts';
import type { SitePair } from './shift-between.ts';

const figureNames: Readonly<Record<Family['figure'], string>> = {
  auroc: 'AUROC',
  slope: 'Calibration slope',
  observedExpected: 'Observed over expected events',
};
const perfect: Partial<Record<Family['figure'], number>> = { slope: 1, observedExpected: 1 };

function known(estimate: Estimate): boolean {
  return estimate.value !== null;
}

function decisionCards(view: ConsortiumView): Html {
  if (view.decisions.length === 0) return html`<p>No hospital has judged this release yet.</p>`;
  return html`<div class="cards">${view.decisions.map(
    ({ site, decision, rows, events, auroc, reasons, update, review, kind }) => {
      // Two figures missed are two reasons with one fixed sentence.
      const texts = [...new Set(reasons.map(({ text }) => text))];
      return html`<article class="card ${decision}"><h4><span>${site}</span><b>${decision}</b></h4><p class="key">${
        rows === null ? 'number of patients withheld' : `${countText(rows)} patients`
      }${events === null ? null : `, ${countText(events)} with the event`}${
        kind === 'retrospective' ? '; earlier patients (holdout)' : null
      }</p><p>AUROC ${known(auroc) ? estimateText(auroc) : undefinedText(auroc.reason)}</p><ul>${texts
        .slice(0, 4)
        .map((text) => html`<li>${text}</li>`)}</ul>${
        texts.length > 4 ? html`<p class="key">and ${texts.length - 4} more</p>` : null
      }${update === null ? null : html`<p>Taken with a local update: ${update.replaceAll('_', ' ')}.</p>`}${
        review ? html`<p><strong>A person should look: the patients differ strongly.</strong></p>` : null
      }</article>`;
    },
  )}</div>`;
}

function familySection(family: Family): Html {
  const decimals = family.figure === 'auroc' ? 3 : 2;
  const rows: ForestRow[] = family.sites.map(({ site, estimate, weight, outOfFamily }) => ({
    name: site,
    ...(weight === null ? {} : { note: `weight ${percentText(weight, 0)}` }),
    mark: 'site',
    estimate,
    text: known(estimate)
      ? `${estimateText(estimate, decimals)}${outOfFamily === true ? ' – out of family' : ''}`
      : undefinedText(estimate.reason),
  }));
  rows.push({ name: 'All hospitals', note: 'random effects', mark: 'pooled', estimate: family.mean });
  const { low, high } = family.prediction;
  rows.push({
    name: 'A further hospital',
    note: '95% prediction interval',
    mark: 'prediction',
    estimate: { value: low === null || high === null ? null : family.mean.value, low, high },
    text:
      low === null || high === null
        ? 'not known: three hospitals are needed'
        : `${figure(low, decimals)} to ${figure(high, decimals)}`,
  });
  const reference = perfect[family.figure];
  const heterogeneity = family.heterogeneity;
  return html`<h3>${figureNames[family.figure]}</h3>${forest({
    caption: html`Each hospital's own patients, 95% intervals.${
      heterogeneity === null || family.iSquared === null
        ? null
        : ` I² ${percentText(family.iSquared, 0)}, test of equal values p ${pText(heterogeneity.p)}.`
    }`,
    names: ['Hospital', '95% interval'],
    rows,
    decimals,
    ...(reference === undefined ? {} : { references: [{ value: reference, name: 'calibrated' }] }),
  })}`;
}

function bounded(value: BoundedFigure, decimals = 3): string {
  if (value.value === null) return undefinedText(value.reason);
  if (value.low === null || value.high === null) return `about ${figure(value.value, decimals)}; no bounds`;
  return `${figure(value.value, decimals)}, certainly ${figure(value.low, decimals)} to ${figure(value.high, decimals)}`;
}

function pooledSection({ pooled, plan }: ConsortiumView): Html {
  if (pooled === null) return html`<p>No hospital could share a histogram of predicted risks.</p>`;
  const { figures } = pooled;
  return html`${facts([
    ['Hospitals', pooled.sites.join(', ')],
    ['Patients', `${countText(figures.events + figures.nonEvents)}, ${countText(figures.events)} with the event`],
    ['AUROC', bounded(pooled.auroc)],
    ['Brier score', pooled.brier === null ? bounded(figures.brier) : `${figure(pooled.brier)}, exact`],
    ['Calibration slope', bounded(figures.calibrationSlope, 2)],
    ['Observed/expected', bounded(figures.observedExpected, 2)],
    ['ECE', bounded(figures.calibrationError)],
    ...figures.netBenefit.map(
      ({ threshold, figure: benefit }) => [`Net benefit at ${threshold}`, bounded(benefit, 4)] as const,
    ),
  ])}<p class="faint">Of all patients of these hospitals as if they were in one place, from counts in ${pooled.cells} cells of predicted risk by outcome, each with no patient or at least ${plan.minimumCount}. The bounds hold wherever the patients lie within their cells; they say nothing of chance.</p>`;
}

function strongest({ columns }: SitePair): string {
  const found = columns
    .filter(({ jensenShannon, noise }) => jensenShannon !== null && jensenShannon > 2 * (noise ?? 0))
    .sort((a, b) => (b.jensenShannon ?? 0) - (a.jensenShannon ?? 0))
    .slice(0, 3);
  return found.length === 0
    ? 'none beyond chance'
    : found.map(({ column, jensenShannon }) => `${column} ${figure(jensenShannon, 2)}`).join(', ');
}

function shiftSection(view: ConsortiumView): Html {
  if (view.shift.length === 0) return html`<p>There are no two hospitals whose counts can be compared.</p>`;
  const sites = [...new Set(view.shift.flatMap((pair) => pair.sites))].sort();
  const pairOf = (a: string, b: string): SitePair | undefined =>
    view.shift.find((pair) => pair.sites.includes(a) && pair.sites.includes(b));
  const cell = (a: string, b: string): HeatCell => {
    if (a === b) return { strength: null, text: '' };
    const pair = pairOf(a, b);
    const value = pair?.meanJensenShannon ?? null;
    if (value === null) return { strength: null, text: '–' };
    return { strength: value / 0.5, text: figure(value, 2), found: value > 2 * (pair?.meanNoise ?? 0) };
  };
  const withMmd = view.shift.some(({ mmd }) => mmd !== null);
  return html`${heatMatrix({
    caption:
      'Mean Jensen-Shannon distance of the columns (0 equal, 1 disjoint); framed where it is more than twice what chance alone gives.',
    corner: 'Hospital',
    columns: sites,
    rows: sites.map((a) => ({ name: a, cells: sites.map((b) => cell(a, b)) })),
  })}${table({
    caption: 'Columns furthest apart, by Jensen-Shannon distance.',
    columns: [
      'Hospitals',
      'Columns',
      { name: 'Mean', number: true },
      { name: 'Chance alone', number: true },
      ...(withMmd ? [{ name: 'MMD²', number: true }] : []),
    ],
    rows: view.shift.map((pair) => [
      pair.sites.join(' and '),
      strongest(pair),
      figure(pair.meanJensenShannon, 2),
      figure(pair.meanNoise, 2),
      ...(withMmd
        ? [
            pair.mmd?.squared == null
              ? '–'
              : `${figure(pair.mmd.squared, 3)} ± ${figure(pair.mmd.noiseStandardDeviation, 3)}`,
          ]
        : []),
    ]),
  })}`;
}

const refusals: Readonly<Record<string, string>> = {
  withheld: 'risks may not be shared',
  no_other_site: 'no other hospital to compare with',
  no_rows: 'no patients',
  effective_size: 'too few like patients',
  poor_overlap: 'too few like patients on both sides',
};

function reasonsSection(reasons: readonly SiteReasons[]): Html {
  const signed = (estimate: Estimate): string => estimateText(estimate, 3);
  return html`${table({
    caption:
      'Mean squared error of the hospital against all other hospitals together. The losses and their difference are exact. Why they differ is told over the cells of like predicted risk that all of them can show, each patient taken at the middle of the cell: the three terms add up to the difference in cells. Where that is far from the exact one, the cells are too coarse to tell why.',
    columns: [
      'Hospital',
      { name: 'Loss here', number: true },
      { name: 'Elsewhere', number: true },
      { name: 'Difference', number: true },
      'In cells',
      'Other patients there',
      'Other outcomes of like patients',
      'Other patients here',
    ],
    rows: reasons.map(({ site, loss, split, reason }) => {
      const difference = loss.site === null || loss.others === null ? null : loss.site - loss.others;
      const start = [site, figure(loss.site, 3), figure(loss.others, 3), figure(difference, 3)];
      if (split?.terms == null) {
        const why = refusals[reason ?? ''] ?? undefinedText(reason);
        return [...start, `not split: ${why}`, '–', '–', '–'];
      }
      const { gap, sourceToShared, outcomeGivenFeatures, sharedToTarget } = split.terms;
      return [...start, signed(gap), signed(sourceToShared), signed(outcomeGivenFeatures), signed(sharedToTarget)];
    }),
  })}${
    reasons.some(({ lossAtConsortiumPrevalence }) => lossAtConsortiumPrevalence !== null)
      ? table({
          caption:
            "Another reading, which does not add up with the first: the hospital's loss if its share of events were that of the consortium's training rows.",
          columns: ['Hospital', { name: 'Loss here', number: true }, { name: 'At that share of events', number: true }],
          rows: reasons.map(({ site, loss, lossAtConsortiumPrevalence }) => [
            site,
            figure(loss.site, 3),
            figure(lossAtConsortiumPrevalence, 3),
          ]),
        })
      : null
  }`;
}

function noticesSection({ notices }: ConsortiumView): Html {
  if (notices.length === 0) return html`<p>No hospital has told of a change since its decision.</p>`;
  return table({
    columns: ['When', 'Hospital', 'State', 'In use after', 'Why'],
    rows: notices.map(({ notice }) => [
      instantText(notice.at),
      notice.site,
      `${notice.from === null ? '' : `${notice.from.replaceAll('_', ' ')} → `}${notice.to.replaceAll('_', ' ')}`,
      notice.inUse ?? 'none',
      notice.byRoles !== null
        ? `by ${notice.byRoles.join(' and ')}`
        : notice.signals.map(({ signal, level }) => `${signal}: ${level}`).join(', ') || '–',
    ]),
  });
}

/** The consortium's view as one self-contained page. */
export function consortiumPage(view: ConsortiumView): string {
  const of = (kind: string): number => view.decisions.filter(({ decision }) => decision === kind).length;
  const auroc = view.families.find(({ figure: name }) => name === 'auroc');
  const out = view.families.flatMap((family) =>
    family.sites
      .filter(({ outOfFamily }) => outOfFamily === true)
      .map(({ site }) => `${site} (${figureNames[family.figure]})`),
  );
  const { low, high } = auroc?.prediction ?? { low: null, high: null };
  return page({
    title: `${view.release.version} at ${view.decisions.length} hospitals`,
    body: html`<main><h1>${view.release.version}: the consortium's view</h1><p class="faint">Released ${instantText(view.release.releasedAt)}. From what the hospitals share: counts of at least ${view.plan.minimumCount} patients, and figures that tell no smaller one.</p>
<p><strong>${of('accept')} accept, ${of('hold')} hold, ${of('reject')} reject${
      view.awaited.length === 0 ? '' : `, ${view.awaited.length} awaited`
    }${view.notJudged.length === 0 ? '' : `, ${view.notJudged.length} asked without a judgement`}.</strong> ${
      low === null || high === null
        ? 'What a further hospital should expect cannot be told yet.'
        : `A further hospital should expect an AUROC between ${figure(low, 2)} and ${figure(high, 2)}.`
    }${out.length === 0 ? null : ` Out of family: ${out.join(', ')}.`}</p>
<h2>Decisions</h2>${decisionCards(view)}
<h2>Hospital by hospital</h2>${view.families.map(familySection)}
<h2>All patients together</h2>${pooledSection(view)}
<h2>How the patients differ</h2>${shiftSection(view)}
<h2>Why the model does otherwise</h2>${reasonsSection(view.reasons)}
<h2>Since then</h2>${noticesSection(view)}
<h2>What is not known</h2><ul>${view.unknown.map((text) => html`<li>${text}</li>`)}</ul>
<p class="faint">Release ${view.release.digest}, plan ${view.plan.digest}.</p></main>`,
  });
}
