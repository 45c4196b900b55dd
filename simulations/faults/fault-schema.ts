import { z } from 'zod';
import { siteNamePattern } from '../../shared/runtime/ids.ts';

const round = z.int().min(0).max(100_000);

/** What goes wrong at one hospital in some rounds. What the coordinator makes of it is the production code's doing. */
export const faultSchema = z
  .strictObject({
    /** The hospital. */
    site: z.string().regex(siteNamePattern, 'must be a site name: lower-case letters, digits and -'),
    /** First and last round concerned. Round 0 is the summaries, in which a hospital can only be offline. */
    rounds: z.tuple([round, round]),
    /**
     * `offline`: it cannot reach the coordinator. `slow`: its delta arrives in time, its answer not before the deadline and the grace
     * time. `corrupt-update`: the first value of its delta is NaN when it arrives.
     */
    kind: z.enum(['offline', 'slow', 'corrupt-update']),
  })
  .refine(({ rounds: [from, to] }) => from <= to, { path: ['rounds'], message: 'the first round is after the last' })
  .refine(({ kind, rounds: [from] }) => kind === 'offline' || from >= 1, {
    path: ['rounds'],
    message: 'no update is sent in round 0; begin at 1',
  });

export type Fault = z.infer<typeof faultSchema>;
export type FaultKind = Fault['kind'];
