import { z } from 'zod';
import { siteNamePattern } from '../../shared/runtime/ids.ts';

const where = {
  /** The hospital whose rows change. */
  site: z.string().regex(siteNamePattern, 'must be a site name: lower-case letters, digits and -'),
  /** Rows admitted on or after this ISO date; or `holdout`: the rows of the declared holdout column; or `always`: every row. */
  from: z.union([z.iso.date(), z.enum(['holdout', 'always'])]),
};

/**
 * What changes at one hospital from a date on. Shifts are applied in the order they are written, to the exported cells,
 * before the hospital's own query sees them.
 */
export const shiftSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...where,
    kind: z.literal('prevalence'),
    /** Share of events among the rows concerned afterwards; reached by leaving rows out at random, so that no patient counts twice. */
    prevalence: z.number().gt(0).lt(1),
  }),
  z.strictObject({
    ...where,
    kind: z.literal('distribution'),
    column: z.string().min(1),
    /** value becomes value · multiply + add, in the column's unit. */
    multiply: z.number().default(1),
    add: z.number().default(0),
  }),
  z.strictObject({
    ...where,
    kind: z.literal('unit'),
    column: z.string().min(1),
    /** New value = old value · factor; 0.02586 takes cholesterol from mg/dL to mmol/L. */
    factor: z
      .number()
      .positive()
      .refine((factor) => factor !== 1, 'must not be 1: that is no other unit'),
    /** Name of the new unit, for the report. */
    to: z.string().min(1),
  }),
  z.strictObject({
    ...where,
    kind: z.literal('recode'),
    column: z.string().min(1),
    /** Old code to new code; a code that is not named stays. Numbers are compared as numbers, so `1.0` is `1`. */
    codes: z.record(z.string(), z.string()),
  }),
]);

export type Shift = z.infer<typeof shiftSchema>;
