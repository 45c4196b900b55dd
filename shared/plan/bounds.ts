import { z } from 'zod';
import { type Digest, digestPattern, type ReleaseVersion, type SiteName, siteNamePattern } from '../runtime/ids.ts';
import { isUnfit } from './text.ts';

// Shapes that records crossing the wire share. Every number is finite (zod refuses NaN and infinities), every list and text bounded.

/** The contract allows 2000 columns. */
export const maximumColumns = 2000;
/** 100 levels or 51 bins, and the missing bin, with room. */
export const maximumBins = 128;

export const digestText = z.string().regex(digestPattern, 'must be 64 lower-case hex digits') as unknown as z.ZodType<
  Digest,
  Digest
>;
export const siteNameText = z
  .string()
  .regex(siteNamePattern, 'must be a site name: lower-case letters, digits and -') as unknown as z.ZodType<
  SiteName,
  SiteName
>;
export const releaseVersionText = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,47}\/[1-9][0-9]{0,8}$/,
    'must be a release version such as heart-disease/2',
  ) as unknown as z.ZodType<ReleaseVersion, ReleaseVersion>;
/** A version as a site may hold it: a release's, or a local variant of one such as heart-disease/2+1. */
export const siteVersionText = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,47}\/[1-9][0-9]{0,8}(\+[1-9][0-9]{0,5})?$/,
    'must be a version such as heart-disease/2, or heart-disease/2+1 for a local variant',
  ) as unknown as z.ZodType<ReleaseVersion, ReleaseVersion>;
/** Shown on terminals and pages of people who did not write it. */
const shownText = (mostCharacters: number) =>
  z
    .string()
    .max(mostCharacters)
    .refine((text) => !isUnfit(text), { message: 'must not hold control characters or direction overrides' });
export const shortText = shownText(200);
export const sentence = shownText(1000);
export const rowCount = z.int().min(0);
export const share = z.number().min(0).max(1);
