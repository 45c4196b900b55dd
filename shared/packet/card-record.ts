import { z } from 'zod';
import type { ReleaseVersion } from '../runtime/ids.ts';
import type { CardRecord } from './record.ts';

const cardSchema = z.object({
  wardround: z.literal('card/1'),
  run: z.string(),
  parent: z.string().nullable(),
  created: z.string(),
  software: z.string(),
  trainingCutoff: z.string().nullable(),
  sites: z.array(z.string()),
  rounds: z.array(
    z.object({
      round: z.int(),
      published: z.string(),
      updates: z.array(z.object({ site: z.string(), digest: z.string(), examples: z.number() })),
      excluded: z.array(z.object({ site: z.string(), reason: z.string() })),
    }),
  ),
});

/** The lineage in a release's `card.json`, whose digest the caller has checked; null when it is none of `card/1`. */
export function cardRecordOf(bytes: Uint8Array): CardRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  const card = cardSchema.safeParse(value);
  return card.success ? { ...card.data, parent: card.data.parent as ReleaseVersion | null } : null;
}
