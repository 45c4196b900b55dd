// First: it sets the driver that devices are looked for with.
import './vulkan.ts';

import { silentLogger } from '../../shared/runtime/logger.ts';
import { openTfjsBackend, type TfjsBackend, type TfjsBackendName } from '../../site-agent/training/tfjs-backends.ts';
import { TrainingError } from '../../site-agent/training/training-error.ts';

/** A directory that `scripts/native-tensorflow.mjs` set up, by WARDROUND_TEST_TENSORFLOW; absent where that is not set. */
export const nativeDirectory = process.env.WARDROUND_TEST_TENSORFLOW;
/** A directory whose `node_modules` hold `webgpu` and `@tensorflow/tfjs-backend-webgpu`, by WARDROUND_TEST_WEBGPU. */
export const webgpuDirectory = process.env.WARDROUND_TEST_WEBGPU;

/** Every TensorFlow.js backend of this machine: WebAssembly and plain JavaScript always, the others where there are packages and devices. */
export async function installedTfjsBackends(): Promise<TfjsBackend[]> {
  const found = [await openTfjsBackend(silentLogger, 'wasm'), await openTfjsBackend(silentLogger, 'cpu')];
  const optional: readonly (readonly [TfjsBackendName, string | undefined])[] = [
    ['node', nativeDirectory],
    ['node-gpu', nativeDirectory],
    ['webgpu', webgpuDirectory],
  ];
  for (const [name, engineDirectory] of optional) {
    try {
      found.push(await openTfjsBackend(silentLogger, name, engineDirectory === undefined ? {} : { engineDirectory }));
    } catch (cause) {
      if (!(cause instanceof TrainingError)) throw cause;
    }
  }
  return found;
}
