import type { Judgement } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { countText, estimateText, figure, instantText, percentText } from '../figures.ts';
import { type Html, html } from '../html.ts';
import { facts, table } from '../table.ts';
import { exclusionText } from '../words.ts';

/** Who was judged, who was left out and why, what these patients can show, and which look this is. */
export function patientsSection({ evidence }: Judgement, policy: Policy): Html {
  const { data, power, look, prevalence } = evidence;
  const excluded = Object.entries(evidence.excluded).sort(([a], [b]) => (a < b ? -1 : 1));
  const perWeek = power.eventsPerWeek === null ? undefined : `${figure(power.eventsPerWeek, 2)} events a week`;
  return html`<section id="patients"><h2>2. The patients judged</h2>${facts([
    ['Judged', `${countText(evidence.rows)} patients`],
    ['With the event', evidence.events === null ? 'not a yes-or-no outcome' : countText(evidence.events)],
    ['Without', evidence.nonEvents === null ? undefined : countText(evidence.nonEvents)],
    [
      'Kind',
      evidence.kind === 'prospective'
        ? 'later than the training of every version compared'
        : 'declared holdout (retrospective)',
    ],
    ['From', evidence.judgedFrom === null ? 'no time in the data' : instantText(evidence.judgedFrom)],
    ['Latest patient', data.latestRowAt === null ? 'no time in the data' : instantText(data.latestRowAt)],
    ['Judged at', instantText(evidence.judgedAt)],
    ['Outcomes pending', data.pendingShare === null ? 'none due' : `${percentText(data.pendingShare)} of those due`],
    ['Outcome seen in', estimateText(prevalence.site)],
    ['in training rows here', prevalence.ownTraining === null ? 'not known' : figure(prevalence.ownTraining)],
    ['in the consortium', prevalence.consortium === null ? 'not known' : figure(prevalence.consortium)],
    ['On hold since', evidence.held === undefined ? undefined : instantText(evidence.held.since)],
  ])}<h3>Left out, by reason</h3>${
    excluded.length === 0
      ? html`<p>Nobody was left out.</p>`
      : table({
          columns: ['reason', { name: 'rows', number: true }, 'code'],
          rows: excluded.map(([code, count]) => [exclusionText(code), countText(count), html`<code>${code}</code>`]),
        })
  }${
    data.unseenLevels.length === 0
      ? null
      : html`<h3>Levels the plan does not know</h3>${table({
          caption: `The policy allows ${percentText(policy.data.maximumUnseenShare)} of a column's rows.`,
          columns: ['column', { name: 'rows', number: true }, { name: 'share', number: true }],
          rows: data.unseenLevels
            .slice(0, 50)
            .map(({ column, rows, share }) => [column, countText(rows), percentText(share)]),
        })}`
  }<h3>What these patients can show</h3>${facts([
    [
      'Resolvable margin',
      evidence.resolvableMargin === null ? 'not known' : `${figure(evidence.resolvableMargin)} in AUROC, at 80% power`,
    ],
    ['Margin asked for', `${policy.auroc.margin} in AUROC`],
    [
      'Events it needs',
      evidence.current === null
        ? 'no model in use to compare with'
        : power.eventsForMargin === null
          ? 'not known'
          : `about ${countText(Math.ceil(power.eventsForMargin))} for the AUROC margin`,
    ],
    [
      'and for net benefit',
      power.eventsForNetBenefit === null ? undefined : `about ${countText(Math.ceil(power.eventsForNetBenefit))}`,
    ],
    ['Pace', perWeek],
    ['Look', `${look.number} of at most ${policy.looks.maximum} (${policy.looks.spending} spending)`],
    [
      'Information',
      look.informationFraction === null
        ? 'not known'
        : `${percentText(look.informationFraction)} of what the margin needs`,
    ],
    ['Levels at this look', `${figure(look.oneSidedLevel, 4)} one-sided, ${figure(look.twoSidedLevel, 4)} two-sided`],
    ['Looks before', look.earlier.length === 0 ? 'none' : look.earlier.map((share) => percentText(share)).join(', ')],
  ])}<p class="faint">Events, not patients, carry the information: an AUROC margin is resolved four times in five when the standard error of the difference is the margin over 2.486. Error is spent over repeated looks after Lan and DeMets (1983).</p></section>`;
}
