import type { EvidenceFile } from '../plan/judgement.ts';
import { countText } from '../report/figures.ts';
import { type Html, html } from '../report/html.ts';
import { judgementReport } from '../report/judgement/judgement-report.ts';
import { page } from '../report/page.ts';
import { table } from '../report/table.ts';
import { canonicalJson } from '../runtime/canonical.ts';
import { digestOf } from '../runtime/digest.ts';
import type { Digest } from '../runtime/ids.ts';
import { annexFour, articleSeventyTwo } from './ai-act.ts';
import { chaiCard, chaiSchema } from './chai-card.ts';
import { changePlan } from './change-plan.ts';
import { documentPage, type Open, openItems, type PacketDocument, type Party } from './document.ts';
import { fhirDocument } from './fhir-document.ts';
import { probastSheet } from './probast.ts';
import { type PacketRecord, policyOf } from './record.ts';
import { sourceAttributes } from './source-attributes.ts';
import { tripodSheet } from './tripod.ts';

export interface PacketFile {
  /** Inside the packet, with `/`. */
  readonly path: string;
  readonly text: string;
}

interface ListedFile {
  readonly path: string;
  readonly bytes: number;
  readonly digest: Digest;
}

type OpenItem = Open & { readonly document: string; readonly title: string; readonly ref: string };

/** The documents of a packet, each made of the record alone. */
export function packetDocuments(record: PacketRecord): readonly PacketDocument[] {
  return [
    changePlan(record),
    annexFour(record),
    articleSeventyTwo(record),
    tripodSheet(record),
    probastSheet(record),
    sourceAttributes(record),
  ];
}

export function aboutText({ plan, release, consortium, site }: PacketRecord): string {
  const sides = [
    ...(consortium === null ? [] : ['the record of the consortium']),
    ...(site === null ? [] : [`the record of ${site.site}`]),
  ].join(' and ');
  return `${release?.version ?? plan.plan.name}, from ${sides}`;
}

function openItemsOf(documents: readonly PacketDocument[]): readonly OpenItem[] {
  return documents.flatMap((document) =>
    openItems(document).map((item) => ({ ...item, document: document.name, title: document.title })),
  );
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function indexPage(
  record: PacketRecord,
  documents: readonly PacketDocument[],
  items: readonly OpenItem[],
  files: readonly ListedFile[],
): string {
  const about = aboutText(record);
  const parties = [...new Set(items.map(({ by }) => by))].sort();
  const openOf = (party: Party): Html => {
    // The same thing is often asked for by several frameworks: it is listed once, with every place.
    const places = new Map<string, Html[]>();
    for (const { what, by, document, ref } of items) {
      if (by !== party) continue;
      const found = places.get(what) ?? [];
      found.push(html`<a href="${document}.html">${document}</a> ${ref}`);
      places.set(what, found);
    }
    return html`<h3>${party} <span class="key">${places.size}</span></h3><ul>${[...places].map(
      ([what, where]) =>
        html`<li>${what} <span class="key">(${where.map((place, index) => (index === 0 ? place : html`; ${place}`))})</span></li>`,
    )}</ul>`;
  };
  return page({
    title: `Packet: ${about}`,
    body: html`<main><p class="faint">Regulatory packet · written ${record.madeAt} by Wardround ${record.software}</p><h1>${about}</h1>
<p>Written from what was recorded, and from nothing else. It is no submission and no assessment: it holds what the software knows, in the order of each framework, and names what somebody has to add.</p>
<h2>Open: not recorded</h2>${items.length === 0 ? html`<p>Nothing is open.</p>` : html`<p>To be stated by:</p>${parties.map(openOf)}`}
<h2>Documents</h2><ul>${documents.map(
      ({ name, title, framework }) =>
        html`<li><a href="${name}.html">${title}</a> <span class="key">${framework}</span></li>`,
    )}<li><a href="model-card.xml">CHAI Applied Model Card</a> <span class="key">XML, schema ${chaiSchema.version}</span></li><li><a href="model-card.fhir.json">FHIR DocumentReference</a> <span class="key">R4, codes of AI Transparency on FHIR, STU1 ballot of January 2026</span></li></ul>
${judgementsSection(record)}
<h2>Files</h2><p class="faint">Check them with <code>sha256sum -c SHA256SUMS</code>.</p>${table({
      compact: true,
      columns: ['file', { name: 'bytes', number: true }, 'SHA-256'],
      rows: files.map(({ path, bytes, digest }) => [
        html`<a href="${path}">${path}</a>`,
        countText(bytes),
        html`<code>${digest}</code>`,
      ]),
    })}</main>`,
  });
}

function judgementsSection({ site }: PacketRecord): Html | null {
  if (site === null) return null;
  return html`<h2>Judgements of ${site.site}</h2>${
    site.judgements.length === 0
      ? html`<p>No judgement is on record.</p>`
      : table({
          columns: ['judged', 'release', 'decision', 'report', 'evidence file'],
          rows: site.judgements.map(({ name, file: { evidence, decision } }) => [
            evidence.judgedAt,
            evidence.release.version,
            decision.decision,
            html`<a href="reports/${name}.html">report</a>`,
            html`<a href="judgements/${name}.json">evidence</a>`,
          ]),
        })
  }<p class="faint">Each is replayed with <code>wardround judge replay judgements/NAME.json</code>.</p>`;
}

/** What was accepted before is only judged again while it is in use: the release itself, or the variant that its judgement made. */
function judgedInUse({ evidence }: EvidenceFile, all: readonly { readonly file: EvidenceFile }[]): boolean {
  return all.some(
    ({ file: { decision, evidence: earlier } }) =>
      decision.decision === 'accept' &&
      earlier.judgedAt < evidence.judgedAt &&
      (decision.update === null
        ? earlier.release.digest === evidence.release.digest
        : earlier.update?.variant?.version === evidence.release.version),
  );
}

/**
 * Every file of a packet, `index.html` first and `SHA256SUMS` last: a pure function of the record. What is not on record stays visibly
 * open in each document and in the list at the head of the index.
 */
export function buildPacket(record: PacketRecord): readonly PacketFile[] {
  const documents = packetDocuments(record);
  const about = aboutText(record);
  const card = chaiCard(record);
  const content: PacketFile[] = [
    ...documents.flatMap((document) => [
      { path: `${document.name}.html`, text: documentPage(document, about) },
      { path: `${document.name}.json`, text: json({ wardround: 'packet-document/1', about, ...document }) },
    ]),
    { path: 'model-card.xml', text: card },
    { path: 'model-card.fhir.json', text: json(fhirDocument(record, card)) },
    { path: 'plan.json', text: canonicalJson(record.plan.plan) },
    { path: 'policy.json', text: canonicalJson(policyOf(record)) },
    ...(record.consortium?.releases ?? []).flatMap(({ version, decisions }) =>
      decisions.map(({ site, judgement }) => ({
        path: `shared-judgements/${version.replaceAll('/', '-')}_${site}.json`,
        text: canonicalJson(judgement),
      })),
    ),
    ...(record.site?.judgements ?? []).flatMap(({ name, text, file, policy }) => [
      { path: `judgements/${name}.json`, text: `${text}\n` },
      {
        path: `reports/${name}.html`,
        text: judgementReport({
          judgement: { decision: file.decision, package: file.package, evidence: file.evidence },
          policy,
          inUse: judgedInUse(file, record.site?.judgements ?? []),
        }).page,
      },
    ]),
  ];
  const listed = (file: PacketFile): ListedFile => ({
    path: file.path,
    bytes: Buffer.byteLength(file.text),
    digest: digestOf(file.text),
  });
  const items = openItemsOf(documents);
  const files = content.map(listed);
  const index: PacketFile = { path: 'index.html', text: indexPage(record, documents, items, files) };
  const machine: PacketFile = {
    path: 'index.json',
    text: json({
      wardround: 'packet/1',
      about,
      madeAt: record.madeAt,
      software: record.software,
      plan: record.plan.digest,
      release: record.release,
      site: record.site?.site ?? null,
      consortium: record.consortium !== null,
      open: items.map(({ document, ref, what, by }) => ({ document, ref, what, by })),
      files,
    }),
  };
  const all = [index, machine, ...content];
  const sums = all
    .map(listed)
    .map(({ digest, path }) => `${digest}  ${path}\n`)
    .join('');
  return [...all, { path: 'SHA256SUMS', text: sums }];
}
