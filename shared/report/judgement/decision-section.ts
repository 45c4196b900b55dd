import type { Judgement, Reason } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { countOf } from '../figures.ts';
import { type Html, html } from '../html.ts';
import { table } from '../table.ts';
import { decisionRows, outcomeOf, sortedReasons } from './decision-rows.ts';

const shownInRow = 6;
const shownNotes = 40;

function found(reasons: readonly Reason[]): Html {
  return html`${reasons.slice(0, shownInRow).map(({ text }) => html`<div>${text}</div>`)}${
    reasons.length > shownInRow
      ? html`<div class="key">and ${countOf(reasons.length - shownInRow, 'more such finding')}; all are in the evidence file</div>`
      : null
  }`;
}

/** The decision table as it was applied: every row with its figures in the signed policy and what was found; the row that decided stands out. */
export function decisionSection({ decision, package: modelPackage }: Judgement, policy: Policy): Html {
  const { noted } = sortedReasons(decision, policy);
  const deciding = decision.reasons[0]?.code;
  const rows = decisionRows.map((row) => {
    const reasons = decision.reasons.filter(({ code }) => row.codes.includes(code));
    const decides = deciding !== undefined && row.codes.includes(deciding);
    const state = decides
      ? html`<strong>\u25b6 decides</strong>`
      : reasons.length > 0
        ? `applies: ${outcomeOf((reasons[0] as Reason).code, policy)}`
        : modelPackage.valid
          ? 'does not apply'
          : 'not reached';
    return [
      row.number === null ? html`<span class="key">deadline</span>` : String(row.number),
      row.condition,
      html`<span class="key">${row.figures(policy)}</span>`,
      row.outcome,
      state,
      reasons.length === 0 ? null : found(reasons),
    ];
  });
  return html`<section id="decision"><h2>1. How it was decided</h2><p>The strictest outcome of any row that applies is the decision; rejection goes before hold, hold before acceptance. Rules and figures were signed by this hospital before the model was judged.</p>${table(
    { columns: ['row', 'condition', 'in this policy', 'outcome', 'here', 'found'], rows },
  )}${
    noted.length === 0
      ? html`<p>Nothing further was noted.</p>`
      : html`<h3>Found, and no reason to hold under this policy</h3><ul>${noted
          .slice(0, shownNotes)
          .map(
            ({ code, text }) => html`<li>${text} <code>${code}</code></li>`,
          )}</ul>${noted.length > shownNotes ? html`<p class="faint">And ${noted.length - shownNotes} more, in the evidence file.</p>` : null}`
  }</section>`;
}
