import type { Estimate, Evidence, Judgement } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { countText, figure, pText } from '../figures.ts';
import { forest } from '../forest.ts';
import { type Html, html } from '../html.ts';
import { table } from '../table.ts';
import { undefinedText } from '../words.ts';
import { told } from './performance-section.ts';

const shownSlices = 15;

function conditions(list: Evidence['slices'][number]['conditions']): string {
  return list.length === 0 ? 'all patients' : list.map(({ text }) => text).join(' and ');
}

function unknown({ value, reason }: Estimate): { readonly text?: string } {
  return value === null ? { text: undefinedText(reason) } : {};
}

/** The plan's subgroups with intervals and power, and the search for patients among whom the model fails. */
export function groupsSection({ evidence }: Judgement, policy: Policy): Html {
  const { subgroups, slices, lossTree, auroc, current } = evidence;
  const { minimumEvents, margin, protected: guarded } = policy.subgroups;
  const judged = ({ events, nonEvents }: { events: number; nonEvents: number }): boolean =>
    events >= minimumEvents && nonEvents >= minimumEvents;
  const groups =
    subgroups.length === 0
      ? html`<p>The plan names no subgroup${evidence.rows === 0 ? ', or nobody was judged' : ''}.</p>`
      : html`${forest({
          caption: html`AUROC of the new model in each subgroup.`,
          names: ['subgroup', 'AUROC (95%)'],
          decimals: 2,
          references: [{ value: policy.auroc.floor, name: 'floor' }],
          domain: [
            Math.min(
              0.5,
              ...subgroups.flatMap(({ auroc: { new: own } }) => (own.low === null ? [] : [own.low - 0.01])),
            ),
            1,
          ],
          rows: [
            {
              name: 'all',
              note: `${countText(evidence.rows)} patients`,
              mark: 'pooled',
              estimate: auroc.new,
              ...unknown(auroc.new),
            },
            ...subgroups.map((group) => ({
              name: group.name,
              note: `${countText(group.events)} with, ${countText(group.nonEvents)} without`,
              mark: 'new' as const,
              estimate: group.auroc.new,
              ...unknown(group.auroc.new),
            })),
          ],
        })}${table({
          caption: `Judged from ${minimumEvents} events and as many without; a loss of more than ${margin} in AUROC or sensitivity must be shown after correction over all subgroups (Holm 1979).`,
          columns: [
            'subgroup',
            { name: 'patients', number: true },
            { name: 'events', number: true },
            'AUROC, current',
            'change of AUROC',
            'sensitivity',
            'change of sensitivity',
            'specificity',
            'observed over expected',
            { name: 'resolvable loss', number: true },
            'judged',
          ],
          rows: subgroups.map((group) => [
            html`${group.name}${guarded.includes(group.name) ? html` <span class="key">protected</span>` : null}`,
            countText(group.rows),
            countText(group.events),
            told(group.auroc.current, 2),
            told(group.auroc.difference),
            told(group.sensitivity.new, 2),
            told(group.sensitivity.difference, 2),
            told(group.specificity.new, 2),
            told(group.observedExpected, 2),
            figure(group.resolvableMargin),
            judged(group) ? (current === null ? 'no model to compare' : 'yes') : 'too few',
          ]),
        })}`;
  const missing = guarded.filter((name) => !subgroups.some((group) => group.name === name));
  return html`<section id="groups"><h2>4. Subgroups</h2>${groups}${
    missing.length === 0
      ? null
      : html`<p class="open">Protected by the policy, and not in the evidence: ${missing.join(', ')}.</p>`
  }</section><section id="slices"><h2>5. Where the model errs most</h2><p>Exploratory: a search over conditions of one and two columns (SliceLine's score, Sagadeeva and Boehm 2021) for patients among whom the squared error is larger than among the rest; Welch's test, Benjamini-Hochberg over all conditions tried. It names, and never decides.</p>${
    slices.length === 0
      ? html`<p>None was found with at least ${policy.slices.minimumRows} patients and ${policy.slices.minimumEvents} events.</p>`
      : table({
          columns: [
            'patients',
            { name: 'number', number: true },
            { name: 'events', number: true },
            { name: 'error', number: true },
            { name: 'elsewhere', number: true },
            { name: 'score', number: true },
            { name: 'p', number: true },
            { name: 'adjusted p', number: true },
          ],
          rows: slices
            .slice(0, shownSlices)
            .map((slice) => [
              conditions(slice.conditions),
              countText(slice.rows),
              countText(slice.events),
              figure(slice.loss),
              figure(slice.lossElsewhere),
              figure(slice.score, 2),
              pText(slice.p),
              slice.adjustedP <= policy.slices.falseDiscoveryRate
                ? { cell: pText(slice.adjustedP), kind: 'found' as const }
                : pText(slice.adjustedP),
            ]),
        })
  }${
    slices.length > shownSlices
      ? html`<p class="faint">And ${slices.length - shownSlices} more, in the evidence file.</p>`
      : null
  }${
    lossTree.length === 0
      ? null
      : html`<h3>A shallow tree on the error</h3>${table({
          caption:
            'Leaves of a regression tree on the squared error: where numeric cuts divide well from badly predicted patients.',
          columns: ['patients', { name: 'number', number: true }, { name: 'mean squared error', number: true }],
          rows: lossTree.map((leaf) => [conditions(leaf.conditions), countText(leaf.rows), figure(leaf.loss)]),
        })}`
  }</section>`;
}
