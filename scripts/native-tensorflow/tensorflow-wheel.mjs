// What of a TensorFlow wheel a binding needs.
import { join } from 'node:path';
import { SetupError } from './checked.mjs';
import { textOf, unpack } from './wheel.mjs';

const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
/** The C interface and what its headers include. */
const headerFolders = [
  'tensorflow/c/',
  'tensorflow/core/platform/',
  'tsl/platform/',
  'xla/tsl/c/',
  'xla/tsl/platform/',
];
const includeRoot = 'tensorflow/include/';

/** @throws SetupError when it is not a wheel of TensorFlow for Linux */
export async function describeTensorflow(wheel) {
  const metadata = wheel.entries.find(({ name }) => /^[^/]+\.dist-info\/METADATA$/.test(name));
  const about = metadata === undefined ? '' : await textOf(wheel, metadata);
  const name = /^Name: (.+)$/m.exec(about)?.[1]?.trim() ?? 'unnamed';
  const version = /^Version: (.+)$/m.exec(about)?.[1]?.trim() ?? 'unknown';
  const byName = new Map(wheel.entries.map((entry) => [entry.name, entry]));
  const lacking = libraries.filter((library) => !byName.has(`tensorflow/${library}`));
  if (lacking.length > 0) {
    throw new SetupError(
      `${wheel.file} (${name} ${version}) lacks ${lacking.join(' and ')}; take a wheel of tensorflow-cpu or tensorflow for Linux`,
    );
  }
  const headers = wheel.entries.filter(({ name: file }) =>
    headerFolders.some((folder) => file.startsWith(includeRoot + folder) && file.endsWith('.h')),
  );
  if (!headers.some((entry) => entry.name.endsWith('/tensorflow/c/eager/c_api.h'))) {
    throw new SetupError(`${wheel.file} (${name} ${version}) lacks the C headers under ${includeRoot}`);
  }
  return {
    name,
    version,
    libraries: libraries.map((library) => byName.get(`tensorflow/${library}`)),
    headers,
    // What pip would install beside it for a GPU.
    nvidia: [...about.matchAll(/^Requires-Dist: (nvidia-[^;]+);/gm)].map(([, line]) => line.trim()),
  };
}

/** Lays the libraries and headers where the package's own installation would. */
export async function unpackTensorflow(wheel, tensorflow, packageRoot, say) {
  for (const entry of tensorflow.libraries) {
    say(`unpack: ${entry.name}, ${Math.round(entry.bytes / 1e6)} MB`);
    await unpack(wheel, entry, join(packageRoot, 'deps', 'lib', entry.name.slice('tensorflow/'.length)));
  }
  say(`unpack: ${tensorflow.headers.length} headers`);
  for (const entry of tensorflow.headers) {
    await unpack(wheel, entry, join(packageRoot, 'deps', 'include', entry.name.slice(includeRoot.length)));
  }
}
