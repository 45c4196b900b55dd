import { z } from 'zod';
import { planSchema } from './plan.ts';
import { policySchema } from './policy.ts';

/** The JSON Schema of a file format, for editors. `input`: what a person writes, where everything with a default may be left out. */
export function jsonSchemaOf(schema: z.ZodType, title: string): Record<string, unknown> {
  // Draft 7: what the YAML extensions of editors read.
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return { $schema, title, ...rest };
}

/** The formats of `shared/plan` by name: `schemas/NAME.schema.json`. */
export const planFormats: Readonly<Record<string, { readonly schema: z.ZodType; readonly title: string }>> = {
  plan: { schema: planSchema, title: 'Wardround plan' },
  policy: { schema: policySchema, title: 'Wardround gate policy' },
};
