import { z } from 'zod';
import { digestText, releaseVersionText, shortText, siteVersionText } from '../../shared/plan/bounds.ts';
import type { LadderStep } from '../../shared/plan/judgement.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import { digestOf } from '../../shared/runtime/digest.ts';
import type { Digest, ReleaseVersion, SiteName } from '../../shared/runtime/ids.ts';

/** A model this site made of a release: a package of its own that says what it came from. It never leaves the site. */
export interface LocalVariant {
  /** The release's version, `+` and a counter, such as `heart-disease/2+1`. */
  readonly version: ReleaseVersion;
  /** Of the manifest. */
  readonly digest: Digest;
  readonly plan: Digest;
  readonly parent: { readonly version: ReleaseVersion; readonly digest: Digest };
  readonly step: LadderStep;
  /** ISO date-time: every row that fitted it lies before. Null without times. */
  readonly updatedUntil: string | null;
  /** Without times: patients whose key hashes below this share fitted it. Null with times. */
  readonly updateShare: number | null;
  readonly manifest: Uint8Array;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** What the card of a variant says beside versions. */
export interface VariantCard {
  readonly site: SiteName;
  /** Numbers of the update: of a recalibration, or how it was trained. */
  readonly parameters: unknown;
  readonly policy: Digest;
  /** Of the ladder's evidence without the variant in it, which could not hold its own digest. */
  readonly evidence: Digest;
  readonly updateRows: number;
  readonly updateEvents: number;
  /** ISO date-time of the earliest row that fitted it; null without times. */
  readonly updatedFrom: string | null;
  /** Name and version, such as `wardround/1.2.0`. */
  readonly software: string;
  /** ISO date of the release's own plan. */
  readonly trainingCutoff: string | null;
}

/** Form of a variant's manifest. */
export const variantManifestSchema = z.strictObject({
  wardround: z.literal('variant/1'),
  version: siteVersionText,
  plan: digestText,
  parent: z.strictObject({ version: releaseVersionText, digest: digestText }),
  files: z
    .array(z.strictObject({ name: shortText, digest: digestText, bytes: z.int().min(0) }))
    .min(1)
    .max(100),
});

const updateSchema = z.looseObject({
  updatedUntil: z.iso.datetime().nullable(),
  updateShare: z.number().gt(0).lt(1).nullable(),
});

/**
 * Which rows updated a variant, as its card says: none of them may judge it again.
 * @throws ZodError for a card of another form, which no signed variant has
 */
export function updateOf({ files }: { readonly files: ReadonlyMap<string, Uint8Array> }): {
  readonly updatedUntil?: string;
  readonly updateShare?: number;
} {
  const card = updateSchema.parse(JSON.parse(Buffer.from(files.get('card.json') ?? []).toString('utf8')));
  return {
    ...(card.updatedUntil === null ? {} : { updatedUntil: card.updatedUntil }),
    ...(card.updateShare === null ? {} : { updateShare: card.updateShare }),
  };
}

const encoder = new TextEncoder();

/**
 * Puts a variant together. Equal arguments give equal bytes: no clock and no key is in them.
 * @param files the model and what else of the release still holds, without a card.
 */
export function buildVariant(
  lineage: Omit<LocalVariant, 'digest' | 'manifest' | 'files'>,
  card: VariantCard,
  files: ReadonlyMap<string, Uint8Array>,
): LocalVariant {
  const { version, plan, parent, step, updatedUntil, updateShare } = lineage;
  const contents = new Map([
    ['card.json', encoder.encode(canonicalJson({ wardround: 'variant-card/1', ...lineage, ...card }))],
    ...[...files].sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
  const manifest = encoder.encode(
    canonicalJson({
      wardround: 'variant/1',
      version,
      plan,
      parent,
      files: [...contents].map(([name, bytes]) => ({ name, digest: digestOf(bytes), bytes: bytes.length })),
    }),
  );
  return {
    version,
    digest: digestOf(manifest),
    plan,
    parent,
    step,
    updatedUntil,
    updateShare,
    manifest,
    files: contents,
  };
}
