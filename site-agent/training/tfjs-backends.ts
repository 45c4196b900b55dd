import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import type { Logger } from '../../shared/runtime/logger.ts';
import { registerGradients } from './tfjs-gradients.ts';
import type { TfjsLibrary } from './tfjs-library.ts';
import { TrainingError } from './training-error.ts';

export type TfjsBackendName = 'node-gpu' | 'node' | 'wasm' | 'cpu';

export interface TfjsBackend {
  readonly name: TfjsBackendName;
  readonly library: TfjsLibrary;
  /** For the log: `tensorflow.js 4.22.0 wasm`. */
  readonly description: string;
  /** The library has one current backend a process; called before tensors are made, since another trainer may have changed it. */
  activate(): void;
}

/** Kernels that forward, backward and update of the families use; a backend without one of them is passed over. */
const neededKernels = [
  'Add',
  'BatchMatMul',
  'Cast',
  'Equal',
  'Exp',
  'Identity',
  'Log',
  'Max',
  'Multiply',
  'Neg',
  'RealDiv',
  'Relu',
  'Reshape',
  'Sigmoid',
  'Softplus',
  'Sqrt',
  'Square',
  'Step',
  'Sub',
  'Sum',
  'Tanh',
  'Tile',
  'ZerosLike',
];

const nativePackages = { 'node-gpu': '@tensorflow/tfjs-node-gpu', node: '@tensorflow/tfjs-node' } as const;

// Not a literal in `import()`: the packages are optional, and neither the compiler nor the import rules should look for them.
const optionalImport = (name: string): Promise<unknown> => import(name);

/** tfjs-node 4.22 calls `util.isNullOrUndefined`, which Node 23 took away; without it every operation on a newer Node throws. */
function restoreRemovedUtility(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}

async function openNative(name: 'node-gpu' | 'node'): Promise<TfjsLibrary> {
  const loaded = (await optionalImport(nativePackages[name])) as TfjsLibrary & { default?: TfjsLibrary };
  restoreRemovedUtility();
  // A CommonJS package: what `import()` finds by name depends on how it was bundled; the whole of it is the default.
  return loaded.default ?? loaded;
}

async function openWasm(): Promise<TfjsLibrary> {
  const library = await import('@tensorflow/tfjs-core');
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  if (!wasmPathsSet) {
    // The binaries lie beside the package's entry; nothing is fetched.
    wasm.setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep);
    wasmPathsSet = true;
  }
  return library;
}

/** The library keeps the paths for the process and refuses to be told twice. */
let wasmPathsSet = false;

const processEvents = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * The WebAssembly module's start-up code listens for the process's uncaught errors and throws them again, which would take the
 * decision what to do then away from the agent. What it added is removed.
 */
async function withoutProcessListeners<Result>(start: () => Promise<Result>): Promise<Result> {
  const before = new Map(processEvents.map((event) => [event, process.listeners(event as 'uncaughtException')]));
  try {
    return await start();
  } finally {
    for (const event of processEvents) {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (before.get(event)?.includes(listener) !== true) process.removeListener(event, listener);
      }
    }
  }
}

async function openCpu(): Promise<TfjsLibrary> {
  await import('@tensorflow/tfjs-backend-cpu');
  return import('@tensorflow/tfjs-core');
}

async function openBackend(name: TfjsBackendName): Promise<TfjsBackend> {
  const library = await (name === 'wasm' ? openWasm() : name === 'cpu' ? openCpu() : openNative(name));
  const registered = name === 'wasm' || name === 'cpu' ? name : 'tensorflow';
  // Without its checks of every tensor for debugging, and without its advertisement on the console.
  library.enableProdMode();
  registerGradients(library);
  if (!(await withoutProcessListeners(() => library.setBackend(registered))))
    throw new Error(`the backend ${registered} did not start`);
  await library.ready();
  const missing = neededKernels.filter((kernel) => library.getKernel(kernel, registered) === undefined);
  if (missing.length > 0) throw new Error(`the backend ${registered} lacks ${missing.join(', ')}`);
  return {
    name,
    library,
    description: `tensorflow.js ${library.version_core} ${name}`,
    activate() {
      // A backend that has started is current as soon as this returns; the promise is for one that has not.
      if (library.getBackend() !== registered) void library.setBackend(registered);
    },
  };
}

const inOrderOfSpeed: readonly TfjsBackendName[] = ['node-gpu', 'node', 'wasm', 'cpu'];

/**
 * Opens the fastest backend this machine has: native with a GPU, native, WebAssembly, plain JavaScript. The first two are optional
 * packages found at run time. What was found and what was not is logged.
 *
 * @param only one backend by name, for tests and benchmarks
 * @throws TrainingError `engine_missing`
 */
export async function openTfjsBackend(log: Logger, only?: TfjsBackendName): Promise<TfjsBackend> {
  for (const name of only === undefined ? inOrderOfSpeed : [only]) {
    try {
      const backend = await openBackend(name);
      log.info({ engine: 'tfjs', backend: name, version: backend.library.version_core }, 'tensorflow.js backend found');
      return backend;
    } catch (cause) {
      const notInstalled = (cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
      const reason = notInstalled ? 'not installed' : cause instanceof Error ? cause.message : String(cause);
      log[notInstalled ? 'debug' : 'warn'](
        { engine: 'tfjs', backend: name, reason },
        'tensorflow.js backend passed over',
      );
      if (only !== undefined) {
        throw new TrainingError('engine_missing', `tensorflow.js backend ${name}: ${reason}`, { backend: name }, cause);
      }
    }
  }
  throw new TrainingError('engine_missing', 'no tensorflow.js backend starts on this machine; name the engine onnx');
}
