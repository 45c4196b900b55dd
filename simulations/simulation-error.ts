import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../shared/runtime/errors.ts';

/** Every way a simulation or the demo can fail on its own account; what the product refuses keeps its own codes. */
export type SimulationErrorCode =
  | 'scenario_not_found'
  | 'scenario_invalid'
  | 'cohort_file_missing'
  | 'cohort_invalid'
  | 'shift_invalid'
  | 'run_not_finished'
  | 'process_died'
  | 'process_silent'
  | 'output_failed'
  | 'interrupted';

export const simulationErrors: ErrorCatalogue<SimulationErrorCode> = {
  scenario_not_found: {
    meaning: 'There is no such scenario: neither a file nor one of those that come with Wardround.',
    advice: 'fix',
  },
  scenario_invalid: { meaning: 'The scenario file is wrong; the message names the path in it.', advice: 'fix' },
  cohort_file_missing: { meaning: 'A file of the cohort cannot be read.', advice: 'fix' },
  cohort_invalid: { meaning: 'A file of the cohort does not have the form it should have.', advice: 'fix' },
  shift_invalid: { meaning: 'A shift cannot be applied to these rows.', advice: 'fix' },
  run_not_finished: {
    meaning: 'The run paused, failed or was stopped before its release was judged.',
    advice: 'abort',
  },
  process_died: {
    meaning: 'A process of the demo ended by itself; its last words are in the message.',
    advice: 'abort',
  },
  process_silent: { meaning: 'A process of the demo did not become ready in time.', advice: 'retry' },
  output_failed: { meaning: 'The results could not be written to the output directory.', advice: 'fix' },
  interrupted: { meaning: 'Stopped on request; everything begun was cleaned up.', advice: 'abort' },
};

export class SimulationError extends WardroundError<SimulationErrorCode> {
  readonly subsystem = 'simulation';

  constructor(code: SimulationErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    const entry = simulationErrors[code];
    super(code, message ?? entry.meaning, entry.advice, details, cause);
  }
}
