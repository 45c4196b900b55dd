import type { ColumnShift, Evidence, Judgement } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { bars } from '../bars.ts';
import { countText, estimateText, figure, percentText, pText } from '../figures.ts';
import { type Html, html } from '../html.ts';
import { table } from '../table.ts';
import { againstWords, readingWords, shiftWords, undefinedText } from '../words.ts';
import { leadingShifts } from './first-screen.ts';
import { told } from './performance-section.ts';

const shownBars = 12;
const shownRows = 60;

function reference({ against, referenceSites }: ColumnShift): string {
  return referenceSites === undefined
    ? againstWords[against]
    : `${againstWords[against]} (${referenceSites.known} of ${referenceSites.of} hospitals)`;
}

/** Found before not found, then the largest; rows without a figure last. */
function ordered(shift: readonly ColumnShift[]): readonly ColumnShift[] {
  return shift
    .map((row, place) => ({ row, place }))
    .sort(
      (a, b) => Number(b.row.found) - Number(a.row.found) || (b.row.psi ?? -1) - (a.row.psi ?? -1) || a.place - b.place,
    )
    .map(({ row }) => row);
}

function barsOf(evidence: Evidence, against: ColumnShift['against'], policy: Policy): Html | null {
  const rows = ordered(evidence.shift.filter((row) => row.against === against && row.psi !== null)).slice(0, shownBars);
  if (rows.length === 0) return null;
  return bars({
    caption: `Largest differences from ${againstWords[against]}: population stability index (PSI) by column. Filled: found beyond chance over the whole report.`,
    names: ['column', 'PSI', 'what it looks like'],
    bound: { value: policy.shift.psi, name: 'named from' },
    rows: rows.map((row) => ({
      name: row.column,
      value: row.psi,
      text: figure(row.psi, 2),
      found: row.found,
      ...(row.kind === null ? {} : { note: shiftWords[row.kind] }),
    })),
  });
}

function fullTable(rows: readonly ColumnShift[]): Html {
  return table({
    columns: [
      'column',
      'against',
      'looks like',
      { name: 'PSI', number: true },
      { name: 'JS distance', number: true },
      { name: 'W1 / SD', number: true },
      { name: 'KS', number: true },
      { name: 'chi-square (df)', number: true },
      { name: 'p', number: true },
      { name: 'adjusted p', number: true },
      { name: 'missing', number: true },
      { name: 'reference', number: true },
    ],
    rows: rows.map((row) => [
      row.column,
      reference(row),
      row.kind === null
        ? row.reason === undefined
          ? null
          : html`<span class="key">${undefinedText(row.reason)}</span>`
        : shiftWords[row.kind],
      figure(row.psi),
      figure(row.jensenShannon),
      figure(row.scaledWasserstein),
      figure(row.kolmogorov),
      row.statistic === null ? '–' : `${figure(row.statistic, 1)} (${row.degreesOfFreedom ?? '–'})`,
      pText(row.p),
      row.found ? { cell: pText(row.adjustedP), kind: 'found' as const } : pText(row.adjustedP),
      percentText(row.missingRate),
      percentText(row.referenceMissingRate),
    ]),
  });
}

/** The columns beyond the first table, one line each, until `budget` characters are spent; the rest is in the evidence file. */
function restOf(rows: readonly ColumnShift[], budget: number): Html | null {
  if (rows.length === 0) return null;
  const lines: (readonly string[])[] = [];
  let spent = 0;
  for (const row of rows) {
    const line = [
      row.column,
      row.against === 'consortium' ? 'consortium' : 'own',
      figure(row.psi),
      pText(row.adjustedP),
      percentText(row.missingRate),
    ];
    spent += line.join('').length + 75;
    if (spent > budget) break;
    lines.push(line);
  }
  return html`<details><summary>The other ${countText(rows.length)} comparisons in short</summary>${table({
    compact: true,
    columns: [
      'column',
      'against',
      { name: 'PSI', number: true },
      { name: 'adjusted p', number: true },
      { name: 'missing', number: true },
    ],
    rows: lines,
  })}${
    lines.length < rows.length
      ? html`<p>${countText(rows.length - lines.length)} more are in the evidence file alone, to keep this page small.</p>`
      : null
  }</details>`;
}

function multivariateOf({ multivariate, labelShift }: Evidence, policy: Policy): Html {
  const all =
    multivariate === null
      ? html`<p>Not computed: it needs this hospital's own earlier rows, and enough of them.</p>`
      : table({
          columns: ['figure', 'value', 'method'],
          rows: [
            [
              'Told from earlier patients (AUROC)',
              told(multivariate.domainClassifier),
              html`<span class="key">cross-fitted classifier, DeLong interval; a person reviews from ${policy.review.domainClassifier}</span>`,
            ],
            [
              'Columns it leans on',
              multivariate.leading.length === 0
                ? '–'
                : multivariate.leading
                    .slice(0, 8)
                    .map(({ column, weight }) => `${column} ${figure(weight, 2)}`)
                    .join(', '),
              html`<span class="key">standardised weights</span>`,
            ],
            [
              'Mean discrepancy (MMD²)',
              multivariate.meanDiscrepancy === null
                ? '–'
                : `${figure(multivariate.meanDiscrepancy.value, 5)}, p ${pText(multivariate.meanDiscrepancy.p)}, ${countText(multivariate.meanDiscrepancy.rows)} rows`,
              html`<span class="key">unbiased, Gaussian kernel at the median distance, permutations (Gretton et al. 2012)</span>`,
            ],
            [
              'Energy distance',
              multivariate.energy === null
                ? '–'
                : `${figure(multivariate.energy.value, 5)}, p ${pText(multivariate.energy.p)}, ${countText(multivariate.energy.rows)} rows`,
              html`<span class="key">permutations (Székely and Rizzo 2013)</span>`,
            ],
            [
              'Reconstruction error',
              multivariate.reconstruction === null
                ? '–'
                : `${figure(multivariate.reconstruction.value, 4)}, p ${pText(multivariate.reconstruction.p)}`,
              html`<span class="key">principal components of the earlier rows</span>`,
            ],
            [
              "The model's own scores",
              multivariate.scores === null
                ? '–'
                : `KS distance ${figure(multivariate.scores.distance)}, p ${pText(multivariate.scores.p)}`,
              html`<span class="key">Kolmogorov-Smirnov</span>`,
            ],
          ],
        });
  const share =
    labelShift === null
      ? null
      : html`<h3>Share of events, read from scores alone</h3>${table({
          columns: ['estimator', 'share of events', 'method'],
          rows: [
            [
              'hard',
              told(labelShift.hard),
              html`<span class="key">black-box shift estimation on classes (Lipton et al. 2018)</span>`,
            ],
            ['soft', told(labelShift.soft), html`<span class="key">the same on risks</span>`],
            [
              'maximum likelihood',
              told(labelShift.expectationMaximisation),
              html`<span class="key">expectation and maximisation (Saerens et al. 2002)</span>`,
            ],
          ],
        })}`;
  return html`<h3>All columns at once, against this hospital's earlier rows</h3>${all}${share}`;
}

/** How the patients differ from the consortium's and from this hospital's own earlier ones. @param budget characters the short table may take */
export function shiftSection({ evidence }: Judgement, policy: Policy, budget: number): Html {
  const rows = ordered(evidence.shift);
  const { falseDiscoveryRate, psi } = policy.shift;
  const sentences = leadingShifts(evidence.shift);
  return html`<section id="shift"><h2>6. How the patients differ</h2><p>Each column is compared with the consortium's training rows, by counts on edges that the plan fixes, and with this hospital's own training rows. Tests are two-sample; p values are corrected over the whole report (Benjamini and Hochberg 1995, level ${falseDiscoveryRate}). A column is named from a PSI of ${psi}.</p>${
    sentences.length === 0
      ? html`<p>No column was found to differ.</p>`
      : html`<ul>${sentences.slice(0, 12).map(({ explanation, adjustedP, psi: size }) => html`<li>${explanation} <span class="key">PSI ${figure(size, 2)}, adjusted p ${pText(adjustedP)}</span></li>`)}</ul>`
  }${barsOf(evidence, 'own-training', policy)}${barsOf(evidence, 'consortium', policy)}<h3>Column by column</h3>${
    rows.length === 0 ? html`<p>No column could be compared.</p>` : fullTable(rows.slice(0, shownRows))
  }${restOf(rows.slice(shownRows), budget)}${multivariateOf(evidence, policy)}</section>`;
}

/** Why the error differs from before, in two framings side by side, and what is expected where outcomes are still to come. */
export function reasonsSection({ evidence }: Judgement): Html {
  const { gap, unlabelled } = evidence;
  return html`<section id="why"><h2>7. Why the error differs</h2>${gap === null ? html`<p>Not computed: it needs this hospital's own earlier rows with outcomes, and enough of them.</p>` : gapOf(gap)}${
    unlabelled === null
      ? null
      : html`<h3>Expected where outcomes are still to come</h3>${table({
          caption: `${countText(unlabelled.rows)} patients without an outcome yet. Both assume that the link between findings and outcome has not changed; they are told and decide nothing.`,
          columns: ['figure', 'confidence-based (CBPE)', 'adapted to these patients (PAPE)'],
          rows: [
            ['AUROC', told(unlabelled.auroc.confidenceBased), told(unlabelled.auroc.adapted)],
            ['Brier score', told(unlabelled.brier.confidenceBased), told(unlabelled.brier.adapted)],
          ],
        })}`
  }</section>`;
}

function gapOf(gap: NonNullable<Evidence['gap']>): Html {
  const { reference: before, site } = gap.loss;
  const difference = `from ${figure(before, 4)} to ${figure(site, 4)} (${site - before < 0 ? '' : '+'}${figure(site - before, 4)})`;
  const { terms } = gap;
  return html`<p>The mean squared error went ${difference}, against ${againstWords[gap.against]}.${gap.reading === null ? null : html` Reading: <strong>${readingWords[gap.reading]}</strong>.`}${gap.text === null ? null : html` ${gap.text}`}</p><p class="faint">Two ways to look at the same gap, side by side. Each rests on its own assumption; their figures do not add up to one another, and no share of one is a share of the other.</p><div class="first"><div><h3>By what the patients are like</h3>${
    terms === null
      ? html`<p>Not split: ${undefinedText(gap.termsReason)}.</p>`
      : html`${table({
          caption: 'DISDE (Cai, Namkoong and Yadlowsky): three terms that add to the gap.',
          columns: ['term', { name: 'error', number: true }],
          rows: [
            ['earlier patients, weighted to those both have', estimateText(terms.covariateToShared, 4)],
            ['same kind of patient, other outcome', estimateText(terms.conditional, 4)],
            ['patients seen now, beyond those both have', estimateText(terms.covariateFromShared, 4)],
          ],
        })}<p class="key">Effective patients: ${figure(terms.effectiveRows.reference, 0)} earlier, ${figure(terms.effectiveRows.site, 0)} now. Assumes that the two overlap.</p>`
  }</div><div><h3>By the share of events</h3>${table({
    caption: 'What the error would have changed by if only the share of events had.',
    columns: ['figure', { name: 'error', number: true }],
    rows: [['earlier patients at the share of events here, less the earlier error', told(gap.labelShare, 4)]],
  })}<p class="key">Assumes that findings within each outcome have not changed.</p></div></div><p class="key">Tests behind the reading: columns p ${pText(gap.tests.covariates)}; outcome given the columns p ${pText(gap.tests.conditional)}; columns within each outcome p ${pText(gap.tests.withinClass)}.</p>`;
}
