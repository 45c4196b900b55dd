import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../runtime/errors.ts';

export type StatisticsErrorCode = 'not_finite' | 'length_mismatch' | 'not_binary' | 'out_of_range' | 'not_converged';

export const statisticsErrors: ErrorCatalogue<StatisticsErrorCode> = {
  not_finite: { meaning: 'An input of a statistic is NaN or infinite.', advice: 'abort' },
  length_mismatch: { meaning: 'Inputs that belong together differ in length.', advice: 'abort' },
  not_binary: { meaning: 'A label of a two-class statistic is neither 0 nor 1.', advice: 'abort' },
  out_of_range: { meaning: 'An input lies outside the range the statistic is defined on.', advice: 'abort' },
  not_converged: {
    meaning: 'A series, fraction or root search of a special function did not reach its accuracy for these arguments.',
    advice: 'abort',
  },
};

/** An input no figure may be computed from. An undefined result is no error: it is null with a reason. */
export class StatisticsError extends WardroundError<StatisticsErrorCode> {
  readonly subsystem = 'statistics';

  constructor(code: StatisticsErrorCode, message: string, details?: ErrorDetails) {
    super(code, message, statisticsErrors[code].advice, details);
  }
}
