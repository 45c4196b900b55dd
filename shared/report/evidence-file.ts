import { gunzipSync, gzipSync } from 'node:zlib';
import type { EvidenceFile, Judgement } from '../plan/judgement.ts';
import { canonicalJson } from '../runtime/canonical.ts';
import { digestOf } from '../runtime/digest.ts';
import type { Digest } from '../runtime/ids.ts';
import { type Html, html } from './html.ts';

/** Written as it is below this; above, packed with gzip, which any system can open. */
const plainBytes = 200_000;
/** Far above what a plan's bounds allow: a page that unpacks to more was not made by Wardround. */
const maximumBytes = 256 * 1024 * 1024;

/** Canonical JSON of an `evidence-file/1` with the digest it is named by. */
export interface EvidenceText {
  readonly text: string;
  readonly digest: Digest;
}

/** What replays a judgement anywhere: policy, package, evidence and the decision they gave. */
export function evidenceText(judgement: Judgement, policy: unknown): EvidenceText {
  const file: EvidenceFile = {
    wardround: 'evidence-file/1',
    policy,
    package: judgement.package,
    evidence: judgement.evidence,
    decision: judgement.decision,
  };
  const text = canonicalJson(file);
  return { text, digest: digestOf(text) };
}

/** The link with the file inside, and its size in the page. It needs no script and no request: a browser saves it, `evidenceFileOf` reads it. */
export interface EmbeddedEvidence {
  readonly link: Html;
  readonly bytes: number;
}

/** @param name of the saved file, without an ending */
export function embedEvidence({ text, digest }: EvidenceText, name: string): EmbeddedEvidence {
  const plain = Buffer.from(text, 'utf8');
  const packed = plain.byteLength > plainBytes;
  const content = (packed ? gzipSync(plain, { level: 9 }) : plain).toString('base64');
  const [type, ending] = packed ? ['gzip', '.json.gz'] : ['json', '.json'];
  const link = html`<a data-wardround="evidence-file" data-digest="${digest}" download="${name}${ending}" href="data:application/${type};base64,${content}">Save the evidence file (${name}${ending})</a>`;
  return { link, bytes: link.markup.length };
}

const embedded =
  /<a data-wardround="evidence-file" data-digest="([0-9a-f]{64})" download="[^"]*" href="data:application\/(json|gzip);base64,([A-Za-z0-9+/=]*)">/g;

/**
 * The evidence file embedded in a report, as its canonical text; null where a page holds none, several, one that cannot be unpacked, or one
 * that does not have the digest it is named by.
 */
export function evidenceFileOf(page: string): string | null {
  const [found, another] = [...page.matchAll(embedded)];
  if (found === undefined || another !== undefined) return null;
  const [, digest, type, content] = found;
  const bytes = Buffer.from(content as string, 'base64');
  try {
    const text = (type === 'json' ? bytes : gunzipSync(bytes, { maxOutputLength: maximumBytes })).toString('utf8');
    return digestOf(text) === digest ? text : null;
  } catch {
    return null;
  }
}
