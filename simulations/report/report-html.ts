import type { ColumnShift, DecisionKind, Reason } from '../../shared/plan/judgement.ts';
import { estimateText, figure, pText } from '../../shared/report/figures.ts';
import { type Html, html } from '../../shared/report/html.ts';
import { page } from '../../shared/report/page.ts';
import { exclusionText } from '../../shared/wire/exclusion-text.ts';
import type { ReleaseDecision, ReleaseView, RoundView } from '../../shared/wire/operator-port.ts';
import { baselinesSection } from './baselines-section.ts';
import { bytesText, durationText } from './figures.ts';
import type { Outcome, RunOutcome } from './outcome.ts';
import { lossPlot, sitesForest } from './plots.ts';
import { trainingRounds } from './summary.ts';

const words: Readonly<Record<DecisionKind, string>> = { accept: 'accept', hold: 'hold', reject: 'reject' };
/** PSI from which a cell is filled as darkly as it gets; .1 and .2 are the usual bounds of some and of marked change. */
const darkestPsi = 0.5;

function bySite(decisions: readonly ReleaseDecision[]): ReleaseDecision[] {
  return [...decisions].sort((a, b) => (a.site < b.site ? -1 : 1));
}

function decisionCell(decision: ReleaseDecision | undefined): Html {
  return decision === undefined
    ? html`<td>–</td>`
    : html`<td class="${decision.decision}"><b>${words[decision.decision]}</b></td>`;
}

function overview(outcome: Outcome): Html {
  const sites = [
    ...new Set(outcome.runs.flatMap((run) => run.releases.flatMap((one) => one.decisions.map(({ site }) => site)))),
  ];
  sites.sort();
  const rows = outcome.runs.flatMap((run) =>
    run.releases.map(
      (release) =>
        html`<tr><td>${run.title}</td><td>${release.version}</td>${sites.map((site) =>
          decisionCell(release.decisions.find((one) => one.site === site)),
        )}</tr>`,
    ),
  );
  return html`<div class="wide"><table><thead><tr><th>Run</th><th>Release</th>${sites.map(
    (site) => html`<th>${site}</th>`,
  )}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function roundRow(round: RoundView): Html {
  const excluded = round.excluded.map(
    ({ site, reason, detail }) =>
      html`<div>${site}: ${reason.replaceAll('_', ' ')}${detail === null ? '' : ` (${detail})`}</div>`,
  );
  return html`<tr><td class="n">${round.round}</td><td>${round.sites.join(', ')}</td><td>${excluded}</td>
<td class="n">${figure(round.metrics.lossFirst ?? null, 4)}</td><td class="n">${figure(round.metrics.lossLast ?? null, 4)}</td>
<td class="n">${bytesText(round.bytesUp)}</td><td class="n">${bytesText(round.bytesDown)}</td><td class="n">${durationText(round.durationMs)}</td></tr>`;
}

function roundsSection(run: RunOutcome): Html {
  const rounds = trainingRounds(run);
  const bytes = (key: 'bytesUp' | 'bytesDown') => rounds.reduce((sum, round) => sum + round[key], 0);
  const plot = lossPlot(`Loss by round of ${run.view.run}`, [
    { name: 'end of round', values: rounds.map((round) => round.metrics.lossLast ?? null) },
    { name: 'start of round', values: rounds.map((round) => round.metrics.lossFirst ?? null) },
  ]);
  return html`<h3>Rounds</h3>
<div class="plots"><figure>${plot}<figcaption>Training loss, mean over the sites weighted by patients: in the first and in the last pass of each round.</figcaption></figure></div>
<p>${rounds.length} rounds; ${bytesText(bytes('bytesUp'))} of updates came up and ${bytesText(bytes('bytesDown'))} of weights went down.</p>
<details><summary>Every round</summary><div class="wide"><table><thead><tr><th class="n">Round</th><th>Sites folded</th><th>Left out, and why</th>
<th class="n">Loss, start</th><th class="n">Loss, end</th><th class="n">Up</th><th class="n">Down</th><th class="n">Time</th></tr></thead><tbody>${rounds.map(roundRow)}</tbody></table></div></details>`;
}

function reasonItem(reason: Reason): Html {
  return html`<li>${reason.text} <span class="faint">${reason.code}</span></li>`;
}

function decisionCard({ site, decision, judgement }: ReleaseDecision): Html {
  const { evidence } = judgement;
  const noted = judgement.decision.reasons.filter(({ code }) => code.startsWith('noted.'));
  const deciding = judgement.decision.reasons.filter((reason) => !noted.includes(reason));
  const kind = evidence.kind === 'prospective' ? 'later patients' : 'declared holdout, retrospective';
  return html`<div class="card ${decision}"><h4><span>${site}</span><b>${words[decision]}</b></h4>
<p class="faint">${evidence.rows} rows judged (${kind}); ${evidence.events ?? '–'} events, ${evidence.nonEvents ?? '–'} others</p>
<ul>${deciding.map(reasonItem)}</ul>${
    noted.length === 0
      ? ''
      : html`<details><summary>Noted, ${noted.length}</summary><ul>${noted.map(reasonItem)}</ul></details>`
  }</div>`;
}

function aurocTable(decisions: readonly ReleaseDecision[]): Html {
  const rows = decisions.map(
    ({
      site,
      judgement: { evidence },
    }) => html`<tr><td>${site}</td><td class="n">${estimateText(evidence.auroc.new)}</td>
<td class="n">${estimateText(evidence.auroc.current)}</td><td class="n">${estimateText(evidence.auroc.difference)}</td>
<td class="n">${estimateText(evidence.brier.new)}</td><td class="n">${estimateText(evidence.calibration.slope)}</td>
<td class="n">${estimateText(evidence.calibration.intercept)}</td><td class="n">${figure(evidence.resolvableMargin)}</td></tr>`,
  );
  return html`<details><summary>All figures, with 95% intervals</summary><div class="wide"><table><thead><tr><th>Site</th><th class="n">AUROC, new</th>
<th class="n">AUROC, current</th><th class="n">Difference</th><th class="n">Brier score, new</th><th class="n">Calibration slope</th><th class="n">Calibration in the large (log odds)</th>
<th class="n">Loss of AUROC these rows can rule out, at 80% power</th></tr></thead><tbody>${rows}</tbody></table></div></details>`;
}

function shiftCell(row: ColumnShift | undefined): Html {
  if (row === undefined || row.psi === null) return html`<td class="h" style="--a:0">–</td>`;
  const alpha = (Math.min(1, row.psi / darkestPsi) * 0.5).toFixed(2);
  return html`<td class="h${row.large ? ' found' : ''}" style="--a:${alpha}">${figure(row.psi, 2)}<br><span class="key">p ${pText(row.adjustedP)}</span></td>`;
}

function shiftTable(decisions: readonly ReleaseDecision[], against: ColumnShift['against']): Html {
  const rowsOf = (decision: ReleaseDecision) =>
    decision.judgement.evidence.shift.filter((row) => row.against === against);
  const columns = [...new Set(decisions.flatMap((decision) => rowsOf(decision).map((row) => row.column)))];
  if (columns.length === 0) return html``;
  const caption =
    against === 'consortium'
      ? "Judged rows against the consortium's training rows, at the hospitals whose counts of a column hold no small cell that must be hidden"
      : "Judged rows against the same hospital's own training rows";
  const body = columns.map(
    (column) =>
      html`<tr><th>${column}</th>${decisions.map((decision) =>
        shiftCell(rowsOf(decision).find((row) => row.column === column)),
      )}</tr>`,
  );
  return html`<h4>${caption}</h4><div class="wide"><table class="heat"><thead><tr><th>Column</th>${decisions.map(
    (decision) => html`<th class="n">${decision.site}</th>`,
  )}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function explanations(decisions: readonly ReleaseDecision[]): Html {
  const found = decisions.flatMap(({ site, judgement }) =>
    judgement.evidence.shift
      .filter((row) => row.large && row.explanation !== null)
      .map(
        (row) =>
          html`<li><b>${site}</b>, against ${row.against === 'consortium' ? 'the consortium' : 'its own earlier rows'}: ${row.explanation}</li>`,
      ),
  );
  if (found.length === 0) return html`<p>No column was named as shifted.</p>`;
  return html`<details><summary>What was found, in words (${found.length})</summary><ul>${found}</ul></details>`;
}

function releaseSection(run: RunOutcome, release: ReleaseView): Html {
  const decisions = bySite(release.decisions);
  const { gate } = run.plan;
  const forest = sitesForest(
    `AUROC of ${release.version} with 95% interval (DeLong). Filled: the new model. Open: the model the hospital uses now.`,
    decisions.map(({ site, judgement: { evidence } }) => ({
      name: site,
      estimates: [
        { kind: 'new', estimate: evidence.auroc.new },
        { kind: 'current', estimate: evidence.auroc.current },
      ],
    })),
    { value: gate.auroc.floor, name: 'floor' },
  );
  const compared = decisions.filter(({ judgement }) => judgement.evidence.auroc.difference.value !== null);
  const differences =
    compared.length === 0
      ? html``
      : sitesForest(
          `Difference in AUROC, ${release.version} less the model in use, on the same patients (DeLong, paired). Wholly left of the margin: harm is shown. Wholly right of it: a loss as large as the margin is ruled out; the gate asks this of its one-sided bound.`,
          compared.map(({ site, judgement }) => ({
            name: site,
            estimates: [{ kind: 'difference', estimate: judgement.evidence.auroc.difference }],
          })),
          { value: -gate.auroc.margin, name: 'margin' },
        );
  return html`<h3>Release ${release.version}</h3><p class="faint">digest <code>${release.digest}</code></p>
<div class="cards">${decisions.map(decisionCard)}</div>
${
  release.notJudged.length === 0
    ? null
    : html`<p>Asked, and has not judged: ${release.notJudged.map((one) => exclusionText(one)).join(', ')}.</p>`
}
${forest}${differences}
${aurocTable(decisions)}
<h3>How the judged patients differ</h3>
<p class="faint">Population stability index, and p of the two-sample chi-square test corrected over the whole report (Benjamini-Hochberg). Framed: named as shifted.</p>
${shiftTable(decisions, 'consortium')}${shiftTable(decisions, 'own-training')}${explanations(decisions)}`;
}

function runSection(run: RunOutcome): Html {
  const { plan, view } = run;
  const digests = html`<details><summary>Digests</summary><div class="wide"><table><tbody>
<tr><th>Plan</th><td><code>${view.plan}</code></td></tr>
${trainingRounds(run).map((round) => html`<tr><th>Weights after round ${round.round}</th><td><code>${round.weights ?? '–'}</code></td></tr>`)}
${run.releases.flatMap((release) =>
  release.files.map(
    (file) =>
      html`<tr><th>${release.version}: ${file.name}</th><td><code>${file.digest}</code> ${bytesText(file.bytes)}</td></tr>`,
  ),
)}</tbody></table></div></details>`;
  return html`<h2>${run.title}</h2>
<p>Run <code>${view.run}</code> of the plan <code>${plan.name}</code>: ${view.status}${view.reason === null ? '' : ` (${view.reason})`}. ${plan.purpose}</p>
<p class="faint">Model ${plan.model.family}, ${plan.data.columns.length} columns, seed ${plan.training.seed}; ${
    plan.data.trainingCutoff === null
      ? 'a declared holdout judges'
      : `rows before ${plan.data.trainingCutoff} train, later rows judge`
  }.</p>
${roundsSection(run)}${run.releases.map((release) => releaseSection(run, release))}${baselinesSection(run)}${digests}`;
}

/**
 * The report as one self-contained page: no script, nothing from the network, every text from a plan or a site escaped.
 */
export function reportHtml(outcome: Outcome): string {
  return page({
    title: outcome.title,
    body: html`<main><h1>${outcome.title}</h1><p>${outcome.description}</p>
${outcome.remarks.length === 0 ? '' : html`<ul>${outcome.remarks.map((remark) => html`<li>${remark}</li>`)}</ul>`}
${overview(outcome)}
${outcome.runs.map(runSection)}
<p class="faint">Made by Wardround. Figures only: no row of any patient is in this page.</p></main>`,
  });
}
