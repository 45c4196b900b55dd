import type { Judgement } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { countText, figure, instantText, percentText, pText } from '../figures.ts';
import { type Html, html } from '../html.ts';
import { facts, table } from '../table.ts';
import { stepWords, undefinedText } from '../words.ts';
import { told } from './performance-section.ts';

/** What a local update of the release would do: fitted on earlier patients, judged on later ones. */
export function ladderSection({ evidence: { update } }: Judgement, policy: Policy): Html {
  const head = html`<h2>8. What a local update would do</h2>`;
  if (update === null) {
    return html`<section id="ladder">${head}<p>${
      policy.update.allowed.length === 0
        ? 'The signed policy allows no local update.'
        : 'No update was tried on these patients.'
    }</p></section>`;
  }
  return html`<section id="ladder">${head}${facts([
    ['Allowed', policy.update.allowed.length === 0 ? 'none' : policy.update.allowed.join(', ')],
    ['Fitted on', `${countText(update.updateRows)} earlier patients, ${countText(update.updateEvents)} events`],
    ['Judged on', `${countText(update.rows)} later patients, ${countText(update.events)} events`],
    ['Divided at', update.judgedFrom === null ? 'no time in the data' : instantText(update.judgedFrom)],
    ['Chosen', update.chosen === null ? 'none passes' : stepWords[update.chosen]],
    [
      'Local variant',
      update.variant === null ? 'none made' : html`${update.variant.version} <code>${update.variant.digest}</code>`,
    ],
  ])}${table({
    caption: html`Simplest first. The closed test (Vergouwe et al. 2017) keeps a step when the next richer one fits no better at ${policy.update.alpha}; what it keeps must pass the policy on the later patients. ${percentText(policy.update.updateShare, 0)} of the patients, the earliest, fit.`,
    columns: [
      'step',
      { name: 'p of the closed test', number: true },
      'slope',
      'in the large',
      'observed over expected',
      'ICI',
      'AUROC',
      'log loss',
      'AUROC less current',
      'gap closed',
      'forgetting',
    ],
    rows: update.steps.map((step) => {
      const name = html`${stepWords[step.step]}${step.step === update.chosen ? html` <strong>(chosen)</strong>` : null}`;
      if (step.reason !== null) {
        return [
          name,
          null,
          html`<span class="key">not fitted: ${undefinedText(step.reason)}</span>`,
          null,
          null,
          null,
          null,
          null,
          null,
          null,
          null,
        ];
      }
      const { slope, intercept, observedExpected, ici, iciNull } = step.calibration;
      return [
        name,
        pText(step.p),
        told(slope, 2),
        told(intercept, 2),
        told(observedExpected, 2),
        html`${told(ici)}${iciNull === null ? null : html` <span class="key">chance ${figure(iciNull)}</span>`}`,
        told(step.auroc),
        told(step.loss),
        told(step.difference.estimate),
        told(step.gapClosed, 2),
        told(step.forgetting),
      ];
    }),
  })}<p class="faint">Gap closed: (error before less after) over (error before less that of a model trained here). Forgetting: AUROC on the consortium's case mix, updated less released; at most ${policy.update.forgettingMargin} may be lost.</p></section>`;
}
