import { PlanError } from '../shared/plan/plan-error.ts';
import { WireError } from '../shared/wire/wire-error.ts';
import { StoreError } from './store/store-error.ts';

/** Gives an error of the coordinator's inside the form its callers know. What callers cannot mend stays as it is, for the log. */
export function asWireError(error: unknown): unknown {
  if (error instanceof StoreError) {
    if (error.code === 'storage_full') return new WireError('storage_full', undefined, {}, error);
    if (error.code === 'locked') return new WireError('unavailable', 'The database is busy; try again.', {}, error);
    if (error.code === 'object_missing') return new WireError('not_found', error.message, {}, error);
    return new WireError('internal', undefined, {}, error);
  }
  if (error instanceof PlanError) return new WireError('invalid_argument', error.message, error.details, error);
  return error;
}

/** The action, with its errors in the form callers know. */
export async function atTheDoor<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw asWireError(error);
  }
}

/** The same for what comes piece by piece. */
export async function* streamAtTheDoor<Item>(source: AsyncIterable<Item>): AsyncGenerator<Item, void, void> {
  try {
    yield* source;
  } catch (error) {
    throw asWireError(error);
  }
}
