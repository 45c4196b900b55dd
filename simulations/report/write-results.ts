import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../shared/runtime/files.ts';
import { SimulationError } from '../simulation-error.ts';

/**
 * Makes the output directory, so that a wrong one is found before the work and not after it.
 * @throws SimulationError `output_failed`
 */
export async function openOutput(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    const probe = join(directory, `.probe-${process.pid}`);
    await writeFileAtomically(probe, '');
    await rm(probe, { force: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new SimulationError(
      'output_failed',
      `${directory}: nothing can be written there (${code}).`,
      { directory },
      cause,
    );
  }
}

/** Writes files by name into the output directory. @throws SimulationError `output_failed` */
export async function writeResults(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    try {
      await writeFileAtomically(join(directory, name), text);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
      throw new SimulationError(
        'output_failed',
        `${join(directory, name)} cannot be written (${code}).`,
        { directory },
        cause,
      );
    }
  }
}
