import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

export type EgressErrorCode = 'small_cell' | 'unknown_plan';

export const egressErrors: ErrorCatalogue<EgressErrorCode> = {
  small_cell: {
    meaning:
      "A count below the plan's minimum could be derived from what was about to leave, alone or with what left before. Nothing was sent.",
    advice: 'abort',
  },
  unknown_plan: { meaning: 'Something was to be sent under a plan that this site does not have.', advice: 'abort' },
};

/** Why something did not leave this site. Messages name tables and cells, never a count. */
export class EgressError extends WardroundError<EgressErrorCode> {
  readonly subsystem = 'egress';

  constructor(code: EgressErrorCode, message?: string, details?: ErrorDetails) {
    super(code, message ?? egressErrors[code].meaning, egressErrors[code].advice, details);
  }
}
