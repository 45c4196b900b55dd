import { type Advice, type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../shared/runtime/errors.ts';

/** Every way local training can fail. */
export type TrainingErrorCode =
  | 'engine_missing'
  | 'no_rows'
  | 'wrong_columns'
  | 'wrong_features'
  | 'label_missing'
  | 'label_invalid'
  | 'not_finite_input'
  | 'not_finite_weights'
  | 'proximal_invalid'
  | 'trainable_invalid'
  | 'control_invalid'
  | 'not_finite_loss'
  | 'not_finite_delta'
  | 'gradient_overflow'
  | 'batch_whole'
  | 'out_of_memory'
  | 'plan_too_large'
  | 'disposed'
  | 'engine_failed';

export const trainingErrors: ErrorCatalogue<TrainingErrorCode> = {
  engine_missing: {
    meaning: 'The engine named in the configuration does not work on this machine; name another, or `auto`.',
    advice: 'fix',
  },
  no_rows: { meaning: 'There are no rows to train on.', advice: 'fix' },
  wrong_columns: { meaning: 'The rows do not have the columns of the plan.', advice: 'fix' },
  wrong_features: { meaning: 'The encoded rows do not have the width of the plan’s model.', advice: 'abort' },
  label_missing: { meaning: 'A training row has no label.', advice: 'fix' },
  label_invalid: { meaning: 'A label is not a class of the plan, or not a finite number.', advice: 'fix' },
  not_finite_input: {
    meaning: 'An encoded value is not finite: the row breaks the contract.',
    advice: 'fix',
  },
  not_finite_weights: { meaning: 'The starting weights are not all finite.', advice: 'reject' },
  proximal_invalid: {
    meaning: 'The pull towards the starting weights is not a number of at least 0.',
    advice: 'abort',
  },
  trainable_invalid: {
    meaning: 'What is to be trained is not among the weights of the plan’s model.',
    advice: 'abort',
  },
  control_invalid: {
    meaning: 'The control variates of the strategy do not go with the weights of the plan’s model.',
    advice: 'abort',
  },
  not_finite_loss: {
    meaning:
      'The loss became infinite or NaN; the plan’s rate is too large for this site’s rows, or its values are extreme.',
    advice: 'abort',
  },
  not_finite_delta: {
    meaning: 'A trained weight became infinite or NaN; nothing is sent.',
    advice: 'abort',
  },
  gradient_overflow: {
    meaning:
      'In half precision a step has a gradient that is not finite at any scale of the loss; nothing is sent. The plan needs precision float32, or a look at extreme values with `site check` may mend it.',
    advice: 'abort',
  },
  batch_whole: {
    meaning:
      'A batch was to be computed in parts, but the loss of a row depends on the others of its batch; the plan needs smaller batches, or the site more memory.',
    advice: 'abort',
  },
  out_of_memory: {
    meaning:
      'Memory does not suffice for one row at a time, or for a batch that cannot be cut; end other programs, take an engine without a GPU, or ask the consortium for a smaller batch or model.',
    advice: 'abort',
  },
  plan_too_large: {
    meaning:
      'The plan’s model takes more memory than this site gives to training (trainingMemoryMegabytes in site.yaml), more operators than a runtime prepares in minutes, or more to compute for a row than a round has time for; nothing was fetched or made of it.',
    advice: 'abort',
  },
  disposed: { meaning: 'The trainer was used after it was disposed of.', advice: 'abort' },
  engine_failed: { meaning: 'The engine’s own library failed; its message is the cause.', advice: 'abort' },
};

export class TrainingError extends WardroundError<TrainingErrorCode> {
  readonly subsystem = 'training';

  constructor(code: TrainingErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    const entry: { meaning: string; advice: Advice } = trainingErrors[code];
    super(code, message ?? entry.meaning, entry.advice, details, cause);
  }
}
