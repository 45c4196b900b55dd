import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import type { TfjsLibrary } from '../tfjs-library.ts';
import type { StartedBackend } from './started-backend.ts';
import { mendWasmProducts } from './wasm-products.ts';

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

async function started(library: TfjsLibrary, registered: string): Promise<StartedBackend> {
  if (!(await withoutProcessListeners(() => library.setBackend(registered)))) {
    throw new Error(`the backend ${registered} did not start`);
  }
  await library.ready();
  return { library, registered };
}

/** @throws when one is missing, of which the library's own error says nothing */
export function requireBinaries(directory: string): void {
  const missing = ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'].filter(
    (name) => !existsSync(join(directory, name)),
  );
  if (missing.length > 0) throw new Error(`${missing.join(' and ')} missing in ${directory}; install Wardround again`);
}

/** WebAssembly, which every machine runs. */
export async function openWasm(): Promise<StartedBackend> {
  const library = await import('@tensorflow/tfjs-core');
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  if (!wasmPathsSet) {
    // The binaries lie beside the package's entry; nothing is fetched.
    const directory = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
    requireBinaries(directory);
    wasm.setWasmPaths(directory + sep);
    wasmPathsSet = true;
  }
  const backend = await started(library, 'wasm');
  mendWasmProducts(library);
  return backend;
}

/** Plain JavaScript: slow, and everywhere. */
export async function openCpu(): Promise<StartedBackend> {
  await import('@tensorflow/tfjs-backend-cpu');
  return started(await import('@tensorflow/tfjs-core'), 'cpu');
}
