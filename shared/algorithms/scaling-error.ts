import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../runtime/errors.ts';

export type ScalingErrorCode = 'no_summary' | 'wrong_plan' | 'malformed' | 'small_cell';

export const scalingErrors: ErrorCatalogue<ScalingErrorCode> = {
  no_summary: { meaning: 'No site has shared a summary, so there is nothing to scale by.', advice: 'abort' },
  wrong_plan: { meaning: 'The summary belongs to another plan.', advice: 'reject' },
  malformed: {
    meaning: "The summary does not have the plan's columns and bins, or its figures contradict each other.",
    advice: 'reject',
  },
  small_cell: {
    meaning: "The summary holds a figure from fewer rows than the plan's minimum count.",
    advice: 'reject',
  },
};

/** Why summaries cannot be pooled. */
export class ScalingError extends WardroundError<ScalingErrorCode> {
  readonly subsystem = 'scaling';

  constructor(code: ScalingErrorCode, message: string, details?: ErrorDetails) {
    super(code, message, scalingErrors[code].advice, details);
  }
}
