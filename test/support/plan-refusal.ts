import { PlanError } from '../../shared/plan/plan-error.ts';

/** The error with which a plan is refused. */
export function refusal(action: () => unknown): PlanError {
  try {
    action();
  } catch (error) {
    if (error instanceof PlanError) return error;
    throw error;
  }
  throw new Error('was not refused');
}
