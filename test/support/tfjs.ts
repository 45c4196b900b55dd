import { silentLogger } from '../../shared/runtime/logger.ts';
import { openTfjsBackend, type TfjsBackend } from '../../site-agent/training/tfjs-backends.ts';
import { TrainingError } from '../../site-agent/training/training-error.ts';

/** Every TensorFlow.js backend of this machine: WebAssembly and plain JavaScript always, the native ones where installed. */
export async function installedTfjsBackends(): Promise<TfjsBackend[]> {
  const found = [await openTfjsBackend(silentLogger, 'wasm'), await openTfjsBackend(silentLogger, 'cpu')];
  for (const name of ['node', 'node-gpu'] as const) {
    try {
      found.push(await openTfjsBackend(silentLogger, name));
    } catch (cause) {
      if (!(cause instanceof TrainingError)) throw cause;
    }
  }
  return found;
}
