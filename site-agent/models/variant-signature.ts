import { z } from 'zod';
import { digestText } from '../../shared/plan/bounds.ts';
import { canonicalJson } from '../../shared/runtime/canonical.ts';
import type { Digest } from '../../shared/runtime/ids.ts';
import type { SiteSigner } from '../agent/signer.ts';

const form = 'variant-signature/1';

const signatureSchema = z.strictObject({
  wardround: z.literal(form),
  variant: digestText,
  signedMs: z.int().min(0),
  signature: z.string().max(10_000),
  certificates: z.array(z.string().max(100_000)).max(10),
});

/** What is signed: which variant, and when, so that the certificate is checked at that time. */
function signedText(variant: Digest, signedMs: number): string {
  return canonicalJson({ wardround: form, variant, signedMs });
}

/** The site's signature over the digest of a variant's manifest, with its certificates, as JSON. */
export function signVariant(variant: Digest, signer: Pick<SiteSigner, 'sign'>, nowMs: number): string {
  const { signature, certificates } = signer.sign(signedText(variant, nowMs));
  return canonicalJson({ wardround: form, variant, signedMs: nowMs, signature, certificates });
}

/** Whether the text is a signature of this site over this very variant. */
export function isSignedVariant(text: string, variant: Digest, signer: Pick<SiteSigner, 'verify'>): boolean {
  let parsed: z.infer<typeof signatureSchema>;
  try {
    parsed = signatureSchema.parse(JSON.parse(text));
  } catch {
    return false;
  }
  const { signedMs, signature, certificates } = parsed;
  return (
    parsed.variant === variant && signer.verify(signedText(variant, signedMs), { signature, certificates }, signedMs)
  );
}
