import { WireError } from '../../shared/wire/wire-error.ts';

/** The code of the WireError that `work` fails with; a failure of another kind fails the test as it is. */
export async function wireCodeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}
