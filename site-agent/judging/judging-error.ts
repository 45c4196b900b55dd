import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

export type JudgingErrorCode = 'model_unreadable' | 'model_interface' | 'wrong_shape';

export const judgingErrors: ErrorCatalogue<JudgingErrorCode> = {
  model_unreadable: { meaning: 'The runtime cannot open the model file.', advice: 'reject' },
  model_interface: { meaning: "The model's inputs or outputs are not those of a Wardround model.", advice: 'reject' },
  wrong_shape: { meaning: 'The rows given to a model do not have its number of columns.', advice: 'abort' },
};

/** Why a model cannot be run. A release whose model cannot be run is rejected by the gate, not by an error. */
export class JudgingError extends WardroundError<JudgingErrorCode> {
  readonly subsystem = 'judging';

  constructor(code: JudgingErrorCode, message: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message, judgingErrors[code].advice, details, cause);
  }
}
