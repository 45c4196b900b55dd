import { z } from 'zod';
import { digestText, releaseVersionText, shortText } from '../../shared/plan/bounds.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import { type Digest, isLocalVersion, type ReleaseVersion, releaseOfVersion } from '../../shared/runtime/ids.ts';
import { variantManifestSchema } from '../models/local-variant.ts';

/** A release as it lies at the site, before anything of it is trusted. */
export interface ReleasePackage {
  readonly ref: { readonly version: ReleaseVersion; readonly digest: Digest };
  /** Bytes of the manifest; their SHA-256 must be the release's digest. */
  readonly manifest: Uint8Array;
  /** Every file the manifest names, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What the caller found wrong, such as a signature that does not verify. One sentence each; empty when nothing. */
  readonly problems: readonly string[];
  /** ISO date: the training cut-off of the plan the release was trained under; null when that plan has none. */
  readonly trainingCutoff: string | null;
  /** ISO date-time, of a local variant: rows before it may have updated it, so that only later ones judge. Absent for a release. */
  readonly updatedUntil?: string;
  /** Of a local variant made without times: patients whose key hashes below this share updated it, and judge no more. Absent otherwise. */
  readonly updateShare?: number;
}

/** The moments before which a package may have learnt from a row; see `Eligibility.cutoffs`. */
export function cutoffsOf({ trainingCutoff, updatedUntil }: ReleasePackage): (string | null)[] {
  return updatedUntil === undefined ? [trainingCutoff] : [trainingCutoff, updatedUntil];
}

/** The file that is judged and used. */
export const modelFile = 'model.onnx';
/** Where a release carries its preprocessing. */
export const preprocessingFile = 'preprocessing.json';
/** The plan a release was trained under. */
export const planFile = 'plan.json';
const cardFile = 'card.json';

const manifestSchema = z.strictObject({
  wardround: z.literal('release/1'),
  version: releaseVersionText,
  plan: digestText,
  files: z
    .array(z.strictObject({ name: shortText, digest: digestText, bytes: z.int().min(0) }))
    .min(1)
    .max(100),
});

/**
 * Everything wrong with a package, one sentence each: digests of manifest and files, names and sizes, version, plan, card.
 * Empty when the files are those the digest names. Whether the model in it can be run is `openScorer`'s to say.
 * @param plan digest of the plan it must come from; null when any will do (a current model of an earlier plan).
 */
export function packageProblems(release: ReleasePackage, plan: Digest | null): string[] {
  const problems = [...release.problems];
  const found = digestOf(release.manifest);
  if (found !== release.ref.digest) {
    problems.push(`the manifest has digest ${found}, the release is ${release.ref.digest}`);
    return problems;
  }
  const own = isLocalVersion(release.ref.version);
  const parsed = (own ? variantManifestSchema : manifestSchema).safeParse(parseJson(release.manifest));
  if (!parsed.success) {
    problems.push(`the manifest is not of the form ${own ? 'variant/1' : 'release/1'}`);
    return problems;
  }
  const manifest = parsed.data;
  if (manifest.version !== release.ref.version) {
    problems.push(`the manifest is of version ${manifest.version}, not ${release.ref.version}`);
  }
  if (plan !== null && manifest.plan !== plan)
    problems.push(`the release was trained under plan ${manifest.plan}, not ${plan}`);
  const named = new Set<string>();
  for (const file of manifest.files) {
    if (named.has(file.name)) problems.push(`the manifest names ${file.name} twice`);
    named.add(file.name);
    const bytes = release.files.get(file.name);
    if (bytes === undefined) problems.push(`file ${file.name} is absent`);
    else if (bytes.length !== file.bytes)
      problems.push(`file ${file.name} has ${bytes.length} bytes, not ${file.bytes}`);
    else if (digestOf(bytes) !== file.digest) problems.push(`file ${file.name} does not have its digest`);
  }
  for (const name of release.files.keys()) {
    if (!named.has(name)) problems.push(`a file is there that the manifest does not name`);
  }
  if (!named.has(modelFile)) problems.push(`the release has no ${modelFile}`);
  const card = release.files.get(cardFile);
  if (card === undefined) problems.push(`the release has no ${cardFile}`);
  else problems.push(...cardProblems(card, manifest.version, manifest.plan));
  return problems;
}

/** The version a release was trained from, or a local variant was made of, as its card says; null for a first one, or without a card. */
export function parentOf(release: ReleasePackage): ReleaseVersion | null {
  if (isLocalVersion(release.ref.version)) return releaseOfVersion(release.ref.version);
  const bytes = release.files.get(cardFile);
  const card = z.looseObject({ parent: releaseVersionText.nullable() }).safeParse(bytes && parseJson(bytes));
  return card.success ? card.data.parent : null;
}

function cardProblems(bytes: Uint8Array, version: ReleaseVersion, plan: Digest): string[] {
  const card = z.looseObject({ version: z.string(), plan: z.string() }).safeParse(parseJson(bytes));
  if (!card.success) return [`${cardFile} is not JSON with version and plan`];
  return [
    ...(card.data.version === version ? [] : [`${cardFile} is of another version`]),
    ...(card.data.plan === plan ? [] : [`${cardFile} is of another plan`]),
  ];
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
