import { estimateText } from '../../shared/report/figures.ts';
import { type Html, html } from '../../shared/report/html.ts';
import type { RunOutcome } from './outcome.ts';
import { sitesForest } from './plots.ts';

/** What the run is compared with; nothing where the scenario asks for no baseline. */
export function baselinesSection({ plan, view, baselines = [] }: RunOutcome): Html {
  if (baselines.length === 0) return html``;
  const sites = [...new Set(baselines.map(({ site }) => site))];
  const of = (site: string) => baselines.filter((one) => one.site === site);
  const plot = sitesForest(
    `AUROC of the federated model and of its baselines, ${view.run}, with 95% interval (DeLong). Circle: the federated model. Filled square: pooled. Open square: alone.`,
    sites.map((site) => {
      const [first] = of(site);
      const federated = first === undefined ? [] : [{ kind: 'federated' as const, estimate: first.federated }];
      return {
        name: site,
        estimates: [...federated, ...of(site).map(({ kind, auroc }) => ({ kind, estimate: auroc }))],
      };
    }),
    { value: plan.gate.auroc.floor, name: 'floor' },
  );
  const rows = sites.flatMap(of).map(
    (
      one,
    ) => html`<tr><td>${one.site}</td><td>${one.kind}</td><td class="n">${one.trainingRows}</td><td class="n">${one.judgedRows}</td>
<td class="n">${estimateText(one.auroc)}${one.auroc.reason === undefined ? '' : ` ${one.auroc.reason}`}</td>
<td class="n">${estimateText(one.federated)}</td><td class="n">${estimateText(one.difference)}</td></tr>`,
  );
  return html`<h3>Against baselines</h3>
<p>The plan's model trained in one place, with the run's preprocessing, engine, rounds and work a round: <b>pooled</b> on the training rows of all hospitals, <b>alone</b> on the hospital's own. All are judged on the rows the gate judged the release on.</p>
${plot}
<div class="wide"><table><thead><tr><th>Site</th><th>Baseline</th><th class="n">Rows trained on</th><th class="n">Rows judged</th>
<th class="n">AUROC, baseline</th><th class="n">AUROC, federated</th><th class="n">Federated less baseline</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}
