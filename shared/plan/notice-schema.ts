import { z } from 'zod';
import { digestText, releaseVersionText, siteNameText, siteVersionText } from './bounds.ts';
import { type ModelNotice, modelStates, monitorSignals } from './notice.ts';
import { lineOfText } from './text.ts';

/** Checks a notice on receipt: strict and bounded; roles are lines of text, for they are shown to operators. */
export const noticeSchema: z.ZodType<ModelNotice> = z.strictObject({
  wardround: z.literal('notice/1'),
  site: siteNameText,
  plan: digestText,
  release: z.strictObject({ version: releaseVersionText, digest: digestText }),
  from: z.enum(modelStates).nullable(),
  to: z.enum(modelStates),
  inUse: siteVersionText.nullable(),
  at: z.iso.datetime(),
  signals: z
    .array(z.strictObject({ signal: z.enum(monitorSignals), level: z.enum(['quiet', 'warn', 'revalidate', 'harm']) }))
    .max(monitorSignals.length * 4),
  byRoles: z.array(lineOfText(100)).max(20).nullable(),
});
