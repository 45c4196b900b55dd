import type { Judgement } from '../../plan/judgement.ts';
import type { Policy } from '../../plan/policy.ts';
import { canonicalDigest } from '../../runtime/canonical.ts';
import { type EvidenceText, embedEvidence, evidenceText } from '../evidence-file.ts';
import { countText, instantText } from '../figures.ts';
import { type Html, html } from '../html.ts';
import { page } from '../page.ts';
import { policyTable } from '../policy-table.ts';
import { facts, table } from '../table.ts';
import { decisionWords } from '../words.ts';
import { decisionSection } from './decision-section.ts';
import { firstScreen } from './first-screen.ts';
import { groupsSection } from './groups-section.ts';
import { ladderSection } from './ladder-section.ts';
import { patientsSection } from './patients-section.ts';
import { performanceSection } from './performance-section.ts';
import { reasonsSection, shiftSection } from './shift-section.ts';

/** Most bytes of a report: it must open anywhere and travel by mail. */
export const maximumReportBytes = 1_000_000;
/** Left for the compact shift table to grow into; beyond it columns are in the evidence file alone. */
const shortTableBytes = 220_000;
/** An evidence file that takes more of the page than this lies beside it instead. */
const embeddedBytes = 650_000;

/** A decision that people took on a judgement after it was made. */
export interface RecordedDecision {
  /** ISO date-time. */
  readonly at: string;
  readonly what: string;
  readonly by: readonly { readonly name: string; readonly role: string }[];
  readonly reason: string;
}

export interface JudgementReportInput {
  readonly judgement: Judgement;
  /** The policy that was signed before the judgement and that decided. */
  readonly policy: Policy;
  /** What people decided since, oldest first. */
  readonly people?: readonly RecordedDecision[];
  /** ISO date-time from which the agent judges a held release again by itself; null when it does not; absent where nobody knows. */
  readonly judgesAgainAt?: string | null;
  /** Whether the judged model was itself in use, and was judged anew; false where absent. */
  readonly inUse?: boolean;
}

export interface JudgementReport {
  /** The whole page. */
  readonly page: string;
  /** The evidence file it is about, as canonical JSON. */
  readonly evidence: EvidenceText;
  /** False where the evidence file is too large for the page and must lie beside it. */
  readonly embedded: boolean;
}

/** `heart-disease-2-0123456789ab` of a release: a name for files. */
export function reportName({ evidence: { release } }: Judgement): string {
  return `${release.version.replaceAll('/', '-')}-${release.digest.slice(0, 12)}`;
}

function packageSection({ package: modelPackage, evidence }: Judgement): Html {
  return html`<section id="package"><h2>9. The package</h2>${facts([
    ['Version', modelPackage.version],
    ['Digest', html`<code>${modelPackage.digest}</code>`],
    ['Trained from', modelPackage.parent ?? 'none recorded'],
    ['Training cut-off', modelPackage.trainingCutoff ?? 'none in the plan'],
    ['Plan', html`<code>${modelPackage.plan}</code>`],
    ['Checks', modelPackage.valid ? 'signature, digests, schema and lineage passed' : 'failed'],
    [
      'Model in use',
      evidence.current === null ? 'none' : html`${evidence.current.version} <code>${evidence.current.digest}</code>`,
    ],
  ])}${
    modelPackage.problems.length === 0
      ? null
      : html`<ul>${modelPackage.problems.slice(0, 50).map((problem) => html`<li>${problem}</li>`)}</ul>`
  }</section>`;
}

function peopleSection(people: readonly RecordedDecision[]): Html | null {
  if (people.length === 0) return null;
  return html`<section id="people"><h2>What people decided since</h2>${table({
    columns: ['when', 'what', 'who', 'why'],
    rows: people.map(({ at, what, by, reason }) => [
      instantText(at),
      what,
      by.map(({ name, role }) => `${name} (${role})`).join(', '),
      reason,
    ]),
  })}</section>`;
}

function replaySection(
  { decision }: Judgement,
  policy: Policy,
  evidence: EvidenceText,
  link: Html | null,
  name: string,
): Html {
  const inForce = canonicalDigest(policy);
  return html`<section id="replay"><h2>11. Check it yourself</h2><p>The decision is a function of the policy, the package record and the evidence, and of nothing else. Whoever holds the evidence file can decide again, anywhere, and compare byte for byte:</p><pre>wardround judge replay THIS-REPORT.html</pre>${
    link === null
      ? html`<p>The evidence file is too large for this page; it lies beside it as <code>${name}.evidence.json</code>.</p>`
      : html`<p>${link}</p>`
  }${facts([
    ['Evidence file', html`<code>${evidence.digest}</code>`],
    ['its size', `${countText(Buffer.byteLength(evidence.text))} bytes`],
    ['Policy', html`<code>${decision.policy}</code>`],
    ['Package record', html`<code>${decision.package}</code>`],
    ['Evidence', html`<code>${decision.evidence}</code>`],
  ])}<p class="faint">All are SHA-256 of canonical JSON (RFC 8785).</p>${
    inForce === decision.policy
      ? null
      : html`<p class="open">The policy shown here (<code>${inForce}</code>) is not the one that decided. Replaying will say so.</p>`
  }</section>`;
}

function build(input: JudgementReportInput, evidence: EvidenceText, link: Html | null, shiftBudget: number): string {
  const { judgement, policy, people = [] } = input;
  const { evidence: figures, decision } = judgement;
  const name = reportName(judgement);
  const body = html`<main>${firstScreen(judgement, policy, {
    judgesAgainAt: input.judgesAgainAt,
    peopleDecided: people.length > 0,
    inUse: input.inUse === true,
  })}${peopleSection(people)}
<nav class="faint noprint" aria-label="Sections"><p>For checking: <a href="#decision">1 decision</a>, <a href="#patients">2 patients</a>, <a href="#performance">3 performance</a>, <a href="#groups">4 subgroups</a>, <a href="#slices">5 errors</a>, <a href="#shift">6 shift</a>, <a href="#why">7 why</a>, <a href="#ladder">8 update</a>, <a href="#package">9 package</a>, <a href="#policy">10 policy</a>, <a href="#replay">11 replay</a></p></nav>
${decisionSection(judgement, policy)}
${patientsSection(judgement, policy)}
${performanceSection(judgement, policy)}
${groupsSection(judgement, policy)}
${shiftSection(judgement, policy, shiftBudget)}
${reasonsSection(judgement)}
${ladderSection(judgement, policy)}
${packageSection(judgement)}
<section id="policy"><h2>10. The policy that decided</h2><p>Signed by this hospital before the model was judged. Name: ${policy.name}.</p>${policyTable(policy)}</section>
${replaySection(judgement, policy, evidence, link, name)}
</main><footer class="faint"><p>Written by Wardround from what was recorded. The figures are exact, also where patients are few: this report is for this hospital, and holds no rows of patients.</p></footer>`;
  return page({
    title: `${figures.release.version} at ${figures.site}: ${decisionWords[decision.decision].toLowerCase()}`,
    body,
  });
}

/**
 * The report on one judgement as one HTML file: its first screen for a clinician, the rest for a statistician, and the evidence file inside.
 * A pure function: the same judgement and policy give the same bytes.
 */
export function judgementReport(input: JudgementReportInput): JudgementReport {
  const evidence = evidenceText(input.judgement, input.policy);
  const { link, bytes } = embedEvidence(evidence, `${reportName(input.judgement)}.evidence`);
  const embedded = bytes <= embeddedBytes;
  const shown = embedded ? link : null;
  const written = build(input, evidence, shown, shortTableBytes);
  const over = Buffer.byteLength(written) - maximumReportBytes;
  return {
    page: over < 0 ? written : build(input, evidence, shown, Math.max(0, shortTableBytes - over - 5_000)),
    evidence,
    embedded,
  };
}
