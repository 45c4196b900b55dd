import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../runtime/errors.ts';
import { type Problem, type ProblemCode, problemsText } from '../runtime/problem.ts';

export type PlanErrorCode = ProblemCode | 'model_refused' | 'not_canonical' | 'digest_mismatch';

export const planErrors: ErrorCatalogue<PlanErrorCode> = {
  too_large: { meaning: 'The plan or policy is larger than the limit.', advice: 'fix' },
  yaml_syntax: {
    meaning: 'The file is not readable as YAML, is empty, or uses what plans may not (aliases).',
    advice: 'fix',
  },
  duplicate_key: { meaning: 'A key is written twice in the same place.', advice: 'fix' },
  unknown_key: { meaning: 'A key is not part of the format; the message names the nearest that is.', advice: 'fix' },
  missing_key: { meaning: 'A key that has no default is missing.', advice: 'fix' },
  invalid_value: { meaning: 'A value has the wrong type or lies outside its range.', advice: 'fix' },
  inconsistent: { meaning: 'Values that must agree with each other do not.', advice: 'fix' },
  model_refused: { meaning: 'The ONNX file the plan names is refused; the message has the reason.', advice: 'fix' },
  not_canonical: { meaning: 'A plan that came over the wire is not in its canonical form.', advice: 'reject' },
  digest_mismatch: { meaning: 'A plan does not have the digest it is named by.', advice: 'reject' },
};

/** A plan or policy is refused. `problems` holds everything wrong with it; the code is that of the first. */
export class PlanError extends WardroundError<PlanErrorCode> {
  readonly subsystem = 'plan';
  readonly problems: readonly Problem[];

  constructor(
    code: PlanErrorCode,
    message: string,
    details?: ErrorDetails,
    problems: readonly Problem[] = [],
    cause?: unknown,
  ) {
    super(code, message, planErrors[code].advice, details, cause);
    this.problems = problems;
  }
}

/** The error for everything found wrong with one file. `problems` holds at least one. */
export function planErrorOf(file: string, problems: readonly Problem[]): PlanError {
  const first = problems[0] as Problem;
  return new PlanError(
    first.code,
    problemsText(file, problems),
    { file, path: first.path, line: first.position?.line ?? null, problems: problems.length },
    problems,
  );
}
