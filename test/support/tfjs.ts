// First: it sets the driver that devices are looked for with.
import './vulkan.ts';

import { afterEach, beforeEach, type TestContext } from 'vitest';
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

/**
 * WebGPU's products in small tiles. For few numbers the library takes a group of threads for each, which a device in software does at a tenth of
 * the speed; what it takes by itself is compared where this is not called.
 */
export function inSmallTiles({ name, library }: TfjsBackend, wanted = true): void {
  if (name === 'webgpu') library.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', wanted ? 2 : -1);
}

function onWebgpu({ task }: TestContext): boolean {
  for (let suite = task.suite; suite !== undefined; suite = suite.suite) if (suite.name.includes('webgpu')) return true;
  return false;
}

/** The test that a device did not end. A device that hangs would cost every test after it its whole time. */
let hung: string | undefined;
beforeEach((context) => {
  if (hung !== undefined && onWebgpu(context)) {
    throw new Error(`the WebGPU device hangs since the test "${hung}"; nothing more is tried on it`);
  }
});
afterEach((context) => {
  const { name, result } = context.task;
  if (onWebgpu(context) && result?.errors?.some(({ message }) => message.includes('timed out'))) hung ??= name;
});
