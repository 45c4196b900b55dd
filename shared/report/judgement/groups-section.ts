import type { Estimate, Evidence, Judgement, SubgroupEvidence } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { countText, figure, pText } from '../figures.ts';
import { forest } from '../forest.ts';
import { type Html, html, type Part } from '../html.ts';
import { table } from '../table.ts';
import { undefinedText } from '../words.ts';
import { told } from './performance-section.ts';

const shownSlices = 15;

function conditions(list: Evidence['slices'][number]['conditions']): string {
  return list.length === 0 ? 'all patients' : list.map(({ text }) => text).join(' and ');
}

interface GroupColumn {
  readonly name: string;
  readonly number?: boolean;
  readonly of: (group: SubgroupEvidence) => Part;
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
  // What no subgroup can have, for want of a model in use or of a threshold, is left out rather than said in every row.
  const compared = current !== null;
  const classified = subgroups.some(({ sensitivity }) => sensitivity.new.reason !== 'no_threshold');
  const all: readonly (GroupColumn & { readonly shown?: boolean })[] = [
    {
      name: 'subgroup',
      of: ({ name }) => html`${name}${guarded.includes(name) ? html` <span class="key">protected</span>` : null}`,
    },
    { name: 'patients', number: true, of: ({ rows }) => countText(rows) },
    { name: 'events', number: true, of: ({ events }) => countText(events) },
    { name: 'AUROC, current', shown: compared, of: (group) => told(group.auroc.current, 2) },
    { name: 'change of AUROC', shown: compared, of: (group) => told(group.auroc.difference) },
    { name: 'sensitivity', shown: classified, of: (group) => told(group.sensitivity.new, 2) },
    {
      name: 'change of sensitivity',
      shown: compared && classified,
      of: (group) => told(group.sensitivity.difference, 2),
    },
    { name: 'specificity', shown: classified, of: (group) => told(group.specificity.new, 2) },
    { name: 'observed over expected', of: (group) => told(group.observedExpected, 2) },
    { name: 'resolvable loss', number: true, shown: compared, of: (group) => figure(group.resolvableMargin) },
    { name: 'judged', of: (group) => (judged(group) ? (compared ? 'yes' : 'no model to compare with') : 'too few') },
  ];
  const columns = all.filter(({ shown }) => shown !== false);
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
          columns: columns.map(({ name, number }) => (number === true ? { name, number } : name)),
          rows: subgroups.map((group) => columns.map(({ of }) => of(group))),
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
