import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Logger } from '../../shared/runtime/logger.ts';
import { useGradients } from './tfjs/gradients/register.ts';
import { neededKernels } from './tfjs/kernels.ts';
import { openNative } from './tfjs/native.ts';
import { openCpu, openWasm } from './tfjs/portable.ts';
import type { StartedBackend } from './tfjs/started-backend.ts';
import { openWebgpu } from './tfjs/webgpu.ts';
import type { TfjsLibrary } from './tfjs-library.ts';
import { TrainingError } from './training-error.ts';

/** In the order in which they are tried. */
export const tfjsBackendNames = ['node-gpu', 'node', 'webgpu', 'wasm', 'cpu'] as const;
export type TfjsBackendName = (typeof tfjsBackendNames)[number];

export interface TfjsBackend {
  readonly name: TfjsBackendName;
  readonly library: TfjsLibrary;
  /** For the log: `tensorflow.js 4.22.0 wasm`, `tensorflow.js 4.22.0 node, TensorFlow 2.21.0 cpu`. */
  readonly description: string;
  /** The library has one current backend a process; called before tensors are made, since another trainer may have changed it. */
  activate(): void;
  /**
   * What failed on the device since it was last asked; null: nothing. WebGPU does not throw: an operation that fails leaves zeros, and
   * the failure is told aside.
   */
  takeFailure(): Error | null;
}

export interface TfjsOptions {
  /** A directory whose `node_modules` hold the optional packages; the product's own are looked at when absent. */
  readonly engineDirectory?: string;
}

const openers: Readonly<Record<TfjsBackendName, (from: NodeJS.Require) => Promise<StartedBackend>>> = {
  'node-gpu': (from) => openNative('@tensorflow/tfjs-node-gpu', from),
  node: (from) => openNative('@tensorflow/tfjs-node', from),
  webgpu: openWebgpu,
  wasm: openWasm,
  cpu: openCpu,
};

async function openBackend(name: TfjsBackendName, { engineDirectory }: TfjsOptions): Promise<TfjsBackend> {
  const from = createRequire(
    engineDirectory === undefined ? import.meta.url : join(engineDirectory, 'node_modules', 'optional.cjs'),
  );
  const { library, registered, runsOn, takeFailure } = await openers[name](from);
  // Without its checks of every tensor for debugging, and without its advertisement on the console.
  library.enableProdMode();
  const missing = neededKernels.filter((kernel) => library.getKernel(kernel, registered) === undefined);
  if (missing.length > 0) throw new Error(`the backend ${registered} lacks ${missing.join(', ')}`);
  return {
    name,
    library,
    description: `tensorflow.js ${library.version_core} ${name}${runsOn === undefined ? '' : `, ${runsOn}`}`,
    activate() {
      // A backend that has started is current as soon as this returns; the promise is for one that has not.
      if (library.getBackend() !== registered) void library.setBackend(registered);
      useGradients(library, name === 'node' || name === 'node-gpu' ? 'package' : 'own');
    },
    takeFailure: () => takeFailure?.() ?? null,
  };
}

/** The packages that are looked for. A file that one of them lacks is named by its path. */
const packageIsMissing =
  /^Cannot find (module|package) '(webgpu|@tensorflow\/(tfjs-node|tfjs-node-gpu|tfjs-backend-webgpu|tfjs-core))'/;

/** Why a backend did not open, in words for the log, and whether its package is simply not there. */
function reasonOf(cause: unknown): { readonly reason: string; readonly notInstalled: boolean } {
  const message = cause instanceof Error ? cause.message : String(cause);
  const notInstalled = packageIsMissing.test(message);
  // The first line: after a missing file come those who asked for it.
  return { notInstalled, reason: notInstalled ? 'not installed' : (message.split('\n')[0] as string) };
}

/**
 * Opens the first backend this machine has: native with a GPU, native, WebGPU, WebAssembly, plain JavaScript. The first three are optional
 * packages found at run time. What was found, what was not and why is logged.
 *
 * @param only one backend by name
 * @throws TrainingError `engine_missing`
 */
export async function openTfjsBackend(
  log: Logger,
  only?: TfjsBackendName,
  options: TfjsOptions = {},
): Promise<TfjsBackend> {
  for (const name of only === undefined ? tfjsBackendNames : [only]) {
    try {
      const backend = await openBackend(name, options);
      log.info({ engine: 'tfjs', backend: name, runsOn: backend.description }, 'tensorflow.js backend found');
      return backend;
    } catch (cause) {
      const { reason, notInstalled } = reasonOf(cause);
      // Who names a folder expects something in it.
      const level = !notInstalled ? 'warn' : options.engineDirectory === undefined ? 'debug' : 'info';
      log[level]({ engine: 'tfjs', backend: name, reason }, 'tensorflow.js backend passed over');
      if (only !== undefined) {
        const where = options.engineDirectory ?? "the product's own folder; engineDirectory in site.yaml names another";
        throw new TrainingError(
          'engine_missing',
          `tensorflow.js backend ${name}: ${notInstalled ? `not installed in ${where}` : reason}; docs/engines-tensorflow.md says what it needs. Name another engine, or auto`,
          { backend: name },
          cause,
        );
      }
    }
  }
  throw new TrainingError('engine_missing', 'no tensorflow.js backend starts on this machine; name the engine onnx');
}
