import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

export type JudgingErrorCode =
  | 'model_unreadable'
  | 'model_interface'
  | 'model_too_large'
  | 'model_too_slow'
  | 'wrong_shape'
  | 'monitor_reference'
  | 'evidence_malformed'
  | 'evidence_missing'
  | 'replay_differs';

export const judgingErrors: ErrorCatalogue<JudgingErrorCode> = {
  model_unreadable: {
    meaning: 'The model file is damaged or foreign, its shapes do not follow from it, or the runtime cannot open it.',
    advice: 'reject',
  },
  model_interface: { meaning: "The model's inputs or outputs are not those of a Wardround model.", advice: 'reject' },
  model_too_large: {
    meaning:
      'The model takes more memory for one row than this site gives to it (trainingMemoryMegabytes in site.yaml); no runtime has seen it.',
    advice: 'reject',
  },
  model_too_slow: {
    meaning:
      'The model takes more multiply-adds or element operations, for one row or to be opened, than a CPU makes in about ten seconds; no runtime has seen it.',
    advice: 'reject',
  },
  wrong_shape: { meaning: 'The rows given to a model do not have its number of columns.', advice: 'abort' },
  monitor_reference: {
    meaning: 'The rows that judged a model hold one outcome only; it cannot be watched against them.',
    advice: 'fix',
  },
  evidence_malformed: {
    meaning: 'A file is no evidence file in canonical form: damaged, changed by hand, or of another kind.',
    advice: 'abort',
  },
  evidence_missing: { meaning: 'There is no evidence of that judgement at this site.', advice: 'abort' },
  replay_differs: {
    meaning: 'Policy, package and evidence of a file do not give the decision that stands in it.',
    advice: 'reject',
  },
};

/** Why a model cannot be run. A release whose model cannot be run is rejected by the gate, not by an error. */
export class JudgingError extends WardroundError<JudgingErrorCode> {
  readonly subsystem = 'judging';

  constructor(code: JudgingErrorCode, message: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message, judgingErrors[code].advice, details, cause);
  }
}
