// Compiles and tries the binding whose source the packages @tensorflow/tfjs-node and @tensorflow/tfjs-node-gpu carry.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { checked } from './checked.mjs';

/** @returns the compiled file, where the package looks for it under this Node */
export function compileBinding(directory, packageRoot, compiler, advice) {
  const fromPackage = createRequire(join(packageRoot, 'package.json'));
  const binding = fromPackage('@mapbox/node-pre-gyp').find(join(packageRoot, 'package.json'));
  mkdirSync(dirname(binding), { recursive: true });
  const { include_dir: nodeHeaders } = createRequire(join(directory, 'package.json'))('node-api-headers');
  const napiVersion = /napi-v(\d+)/.exec(binding)?.[1] ?? '8';
  const lib = join(packageRoot, 'deps', 'lib');
  checked(
    compiler,
    [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', '-w', `-DNAPI_VERSION=${napiVersion}`, '-DBUILDING_NODE_EXTENSION'],
      ...['-I', nodeHeaders, '-I', join(packageRoot, 'deps', 'include'), '-I', packageRoot],
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(packageRoot, 'binding', file)),
      ...['-L', lib, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
      // Found beside the package, wherever the directory is moved to.
      ...['-Wl,-rpath,$ORIGIN/../../deps/lib', '-o', binding],
    ],
    advice,
  );
  return binding;
}

/** What a fresh process does with the binding: Node's removed helper put back, as the product does it. */
const trial = (packageRoot) => `
  const util = require('node:util');
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  const tf = require(${JSON.stringify(packageRoot)});
  const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]])).dataSync();
  if (product[0] !== 17 || product[1] !== 39) throw new Error('[[1, 2], [3, 4]] times [5, 6] gave ' + product);
  const { isUsingGpuDevice, binding } = tf.backend();
  console.log(JSON.stringify({ gpu: isUsingGpuDevice === true, tensorflow: binding.TF_Version, node: process.version }));
`;

/** @returns what the binding runs on, after a matrix product has come out right */
export function tryBinding(directory, packageRoot, advice) {
  const said = checked(process.execPath, ['--input-type=commonjs', '--eval', trial(packageRoot)], advice, {
    cwd: directory,
  });
  return JSON.parse(said.split('\n').at(-1));
}
