import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { TfjsLibrary } from '../tfjs-library.ts';
import { rememberPackageGradients } from './gradients/register.ts';
import type { StartedBackend } from './started-backend.ts';

/** tfjs-node 4.22 calls `util.isNullOrUndefined`, which Node 23 took away; without it every operation on a newer Node throws. */
function restoreRemovedUtility(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}

/** What the package says of its binding. */
interface NativeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

/**
 * Opens TensorFlow's own library through `@tensorflow/tfjs-node` or `@tensorflow/tfjs-node-gpu`, which bring a core of their own.
 * @param from looks the package up
 * @throws the package's own error when it is not installed, has no binding, or TensorFlow does not load
 */
export async function openNative(
  packageName: '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu',
  from: NodeJS.Require,
): Promise<StartedBackend> {
  const path = from.resolve(packageName);
  restoreRemovedUtility();
  // TensorFlow says on standard error how it was compiled, in the middle of the log. Warnings and errors still come.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1';
  const loaded = (await import(pathToFileURL(path).href)) as TfjsLibrary & { default?: TfjsLibrary };
  // A CommonJS package: what `import()` finds by name depends on how it was bundled; the whole of it is the default.
  const library = loaded.default ?? loaded;
  rememberPackageGradients(library);
  const registered = 'tensorflow';
  if (!(await library.setBackend(registered))) throw new Error(`the backend ${registered} did not start`);
  await library.ready();
  const native = library.backend() as unknown as NativeBackend;
  const gpu = native.isUsingGpuDevice === true;
  if (packageName.endsWith('-gpu') && !gpu) {
    throw new Error(
      'TensorFlow finds no GPU, or not the CUDA and cuDNN libraries it wants: see docs/engines-tensorflow.md',
    );
  }
  return {
    library,
    registered,
    runsOn: `TensorFlow ${native.binding?.TF_Version ?? 'unknown'} ${gpu ? 'gpu' : 'cpu'}`,
  };
}
