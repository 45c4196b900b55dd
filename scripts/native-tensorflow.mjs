// Sets the native TensorFlow binding of TensorFlow.js up from a TensorFlow wheel, where the library that
// @tensorflow/tfjs-node downloads when it is installed cannot be had, or is too old for the machine's CUDA.
//
//   node scripts/native-tensorflow.mjs --wheel tensorflow_cpu-2.21.0-...whl --into /opt/wardround-tensorflow
//   node scripts/native-tensorflow.mjs --wheel tensorflow-2.21.0-...whl --into /opt/wardround-tensorflow --gpu
//
// The wheel is a file you have; this command downloads nothing but npm packages, by npm, and runs none of their scripts.
// See docs/engines-tensorflow.md.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openWheel, textOf, unpack, WheelError } from './native-tensorflow/wheel.mjs';

/** Of the version the product is tested with; both packages carry the binding's source. */
const bindingVersion = '4.22.0';
const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
/** The C interface and what its headers include. */
const headerFolders = [
  'tensorflow/c/',
  'tensorflow/core/platform/',
  'tsl/platform/',
  'xla/tsl/c/',
  'xla/tsl/platform/',
];

const usage = `Usage: node scripts/native-tensorflow.mjs --wheel FILE --into DIRECTORY [--gpu] [--compiler g++]

  --wheel FILE       a TensorFlow wheel for Linux on x86-64 (tensorflow_cpu-..., or tensorflow-... with --gpu)
  --into DIRECTORY   where the packages, the library and the compiled binding go; about 1.3 GB
  --gpu              sets @tensorflow/tfjs-node-gpu up instead of @tensorflow/tfjs-node
  --compiler NAME    a C++17 compiler, g++ when absent
`;

class SetupError extends Error {}

function parsed() {
  try {
    const { values } = parseArgs({
      options: {
        wheel: { type: 'string' },
        into: { type: 'string' },
        gpu: { type: 'boolean', default: false },
        compiler: { type: 'string', default: 'g++' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    if (values.wheel === undefined || values.into === undefined) throw new Error('--wheel and --into are needed');
    return values;
  } catch (error) {
    throw new SetupError(`${error.message}\n\n${usage}`);
  }
}

function checked(command, args, options, advice) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20, ...options });
  if (result.error !== undefined || result.status !== 0) {
    const said = result.error?.message ?? `${result.stderr}${result.stdout}`.trim().split('\n').slice(-20).join('\n');
    throw new SetupError(`${command} failed: ${said}\n${advice}`);
  }
  return result.stdout;
}

async function main() {
  const { wheel: wheelFile, into, gpu, compiler } = parsed();
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `this machine is ${process.platform} on ${process.arch}; the wheel's library is linked on Linux on x86-64 only. ` +
        'Use npm install @tensorflow/tfjs-node, or the engine onnx.',
    );
  }
  if (!existsSync(wheelFile)) {
    throw new SetupError(
      `there is no file ${wheelFile}; on a machine with pip: pip download --no-deps tensorflow${gpu ? '' : '-cpu'}==2.21.0`,
    );
  }
  checked(
    compiler,
    ['--version'],
    {},
    `a C++17 compiler is needed: install g++ (Debian: apt-get install g++), or name one with --compiler`,
  );

  const directory = resolve(into);
  const packageName = gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const wheel = await openWheel(wheelFile);
  try {
    const metadata = wheel.entries.find(({ name }) => /^[^/]+\.dist-info\/METADATA$/.test(name));
    const about = metadata === undefined ? '' : await textOf(wheel, metadata);
    const name = /^Name: (.+)$/m.exec(about)?.[1] ?? 'unknown';
    const version = /^Version: (.+)$/m.exec(about)?.[1] ?? 'unknown';
    const byName = new Map(wheel.entries.map((entry) => [entry.name, entry]));
    const lacking = libraries.filter((library) => !byName.has(`tensorflow/${library}`));
    if (lacking.length > 0) {
      throw new SetupError(
        `${wheelFile} (${name} ${version}) lacks ${lacking.join(' and ')}; take a wheel of tensorflow-cpu or tensorflow for Linux`,
      );
    }
    const headers = wheel.entries.filter((entry) =>
      headerFolders.some(
        (folder) => entry.name.startsWith(`tensorflow/include/${folder}`) && entry.name.endsWith('.h'),
      ),
    );
    if (!headers.some((entry) => entry.name.endsWith('/tensorflow/c/eager/c_api.h'))) {
      throw new SetupError(`${wheelFile} (${name} ${version}) lacks the C headers under tensorflow/include`);
    }
    console.log(`wheel: ${name} ${version}`);

    await mkdir(directory, { recursive: true });
    console.log(`npm: ${packageName} ${bindingVersion} and node-api-headers into ${directory}`);
    checked(
      'npm',
      [
        'install',
        '--ignore-scripts',
        '--no-save',
        '--no-package-lock',
        '--no-audit',
        '--no-fund',
        '--prefix',
        directory,
        `${packageName}@${bindingVersion}`,
        'node-api-headers@1',
      ],
      {},
      'npm must reach its registry, or a mirror of it.',
    );

    const packageRoot = join(directory, 'node_modules', packageName);
    const include = join(packageRoot, 'deps', 'include');
    const lib = join(packageRoot, 'deps', 'lib');
    for (const library of libraries) {
      const entry = byName.get(`tensorflow/${library}`);
      console.log(`unpack: ${library}, ${Math.round(entry.bytes / 1e6)} MB`);
      await unpack(wheel, entry, join(lib, library));
    }
    console.log(`unpack: ${headers.length} headers`);
    for (const entry of headers)
      await unpack(wheel, entry, join(include, entry.name.slice('tensorflow/include/'.length)));

    // Where the package itself will look for its binding under this Node.
    const fromPackage = createRequire(join(packageRoot, 'package.json'));
    const binding = fromPackage('@mapbox/node-pre-gyp').find(join(packageRoot, 'package.json'));
    await mkdir(dirname(binding), { recursive: true });
    console.log(`compile: ${binding}`);
    const { include_dir: nodeHeaders } = createRequire(join(directory, 'package.json'))('node-api-headers');
    const napiVersion = /napi-v(\d+)/.exec(binding)?.[1] ?? '8';
    checked(
      compiler,
      [
        '-std=c++17',
        '-O2',
        '-fPIC',
        '-shared',
        '-w',
        `-DNAPI_VERSION=${napiVersion}`,
        '-DBUILDING_NODE_EXTENSION',
        '-I',
        nodeHeaders,
        '-I',
        include,
        '-I',
        packageRoot,
        join(packageRoot, 'binding', 'tfjs_backend.cc'),
        join(packageRoot, 'binding', 'tfjs_binding.cc'),
        '-L',
        lib,
        '-l:libtensorflow_cc.so.2',
        '-l:libtensorflow_framework.so.2',
        '-Wl,-rpath,$ORIGIN/../../deps/lib',
        '-o',
        binding,
      ],
      {},
      `the binding of ${packageName} ${bindingVersion} does not compile against ${name} ${version}; version 2.21.0 is known to work`,
    );
    await writeFile(
      join(directory, 'tensorflow.json'),
      `${JSON.stringify({ package: packageName, binding: bindingVersion, wheel: name, tensorflow: version }, null, 2)}\n`,
    );

    console.log('try: a matrix product');
    const tried = checked(
      process.execPath,
      ['--input-type=commonjs', '--eval', trial(packageRoot)],
      { cwd: directory },
      advice(gpu, about),
    );
    console.log(tried.trim());
  } finally {
    await wheel.handle.close();
  }
  console.log(`done. In site.yaml: tensorflowDirectory: ${directory}`);
}

/** What a fresh process does with the binding: node's removed helper put back, as the product does it. */
function trial(packageRoot) {
  return `
    const util = require('node:util');
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    const tf = require(${JSON.stringify(packageRoot)});
    const product = tf.matMul(tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5], [6]])).dataSync();
    if (product[0] !== 17 || product[1] !== 39) throw new Error('[[1, 2], [3, 4]] times [5, 6] gave ' + product);
    console.log('[[1, 2], [3, 4]] times [5, 6] is [' + product + '] on Node ' + process.version);
    const backend = tf.backend();
    console.log('device: ' + (backend.isUsingGpuDevice ? 'GPU' : 'CPU') + ', TensorFlow ' + backend.binding.TF_Version);
  `;
}

/** For a wheel with CUDA: which of NVIDIA's libraries its own metadata asks for. */
function advice(gpu, about) {
  if (!gpu) return 'the binding was compiled but does not run; the lines above say why.';
  const wanted = [...about.matchAll(/^Requires-Dist: (nvidia-[^;]+);/gm)].map(([, line]) => line.trim());
  return `the binding was compiled but does not run. The wheel's own metadata asks for:\n  ${wanted.join('\n  ')}\nTheir lib folders must be found: set LD_LIBRARY_PATH.`;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError) && !(error instanceof WheelError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
