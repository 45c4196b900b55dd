// Sets the native TensorFlow binding of TensorFlow.js up from a TensorFlow wheel, where the library that
// @tensorflow/tfjs-node downloads when it is installed cannot be had, or is too old for the machine's CUDA.
//
//   node scripts/native-tensorflow.mjs --wheel tensorflow_cpu-2.21.0-...whl --into /opt/wardround-engines
//   node scripts/native-tensorflow.mjs --wheel tensorflow-2.21.0-...whl --into /opt/wardround-engines --gpu
//
// The wheel is a file you have; this command downloads nothing but npm packages, by npm, and runs none of their scripts.
// See docs/engines-tensorflow.md.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compileBinding, tryBinding } from './native-tensorflow/binding.mjs';
import { checked, SetupError } from './native-tensorflow/checked.mjs';
import { describeTensorflow, unpackTensorflow } from './native-tensorflow/tensorflow-wheel.mjs';
import { openWheel, WheelError } from './native-tensorflow/wheel.mjs';

/** Of the version the product is tested with; both packages carry the binding's source. */
const bindingVersion = '4.22.0';
const testedTensorflow = '2.21.0';

const usage = `Usage: node scripts/native-tensorflow.mjs --wheel FILE --into DIRECTORY [--gpu] [--compiler g++]

  --wheel FILE       a TensorFlow wheel for Linux on x86-64 (tensorflow_cpu-..., or tensorflow-... with --gpu)
  --into DIRECTORY   where the packages, the library and the compiled binding go; about 1.2 GB
  --gpu              sets @tensorflow/tfjs-node-gpu up instead of @tensorflow/tfjs-node
  --compiler NAME    a C++17 compiler, g++ when absent`;

const say = (line) => console.log(line);

function settings() {
  const options = {
    wheel: { type: 'string' },
    into: { type: 'string' },
    gpu: { type: 'boolean', default: false },
    compiler: { type: 'string', default: 'g++' },
    help: { type: 'boolean', default: false },
  };
  try {
    const { values } = parseArgs({ options });
    if (!values.help && (values.wheel === undefined || values.into === undefined)) {
      throw new Error('--wheel and --into are needed');
    }
    return values;
  } catch (error) {
    throw new SetupError(`${error.message}\n\n${usage}`);
  }
}

function checkMachine({ wheel, gpu, compiler }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `this machine is ${process.platform} on ${process.arch}; wheels are linked against on Linux on x86-64 only. Use npm install @tensorflow/tfjs-node, or the engine onnx`,
    );
  }
  if (!existsSync(wheel)) {
    throw new SetupError(
      `there is no file ${wheel}; on a machine with pip: pip download --no-deps tensorflow${gpu ? '' : '-cpu'}==${testedTensorflow}`,
    );
  }
  checked(
    compiler,
    ['--version'],
    'a C++17 compiler is needed: install g++ (Debian: apt-get install g++), or name one with --compiler',
  );
}

function installPackages(directory, packageName) {
  mkdirSync(directory, { recursive: true });
  // A package of its own, so that npm neither looks in a folder above nor forgets what is here when more is added.
  const manifest = join(directory, 'package.json');
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  const flags = ['--ignore-scripts', '--save-exact', '--no-package-lock', '--no-audit', '--no-fund'];
  say(`npm: ${packageName} ${bindingVersion} and node-api-headers into ${directory}`);
  checked(
    'npm',
    ['install', ...flags, '--prefix', directory, `${packageName}@${bindingVersion}`, 'node-api-headers@1.9.0'],
    'npm must reach its registry, or a mirror of it',
  );
}

async function main() {
  const { wheel: file, into, gpu, compiler, help } = settings();
  if (help) return say(usage);
  checkMachine({ wheel: file, gpu, compiler });
  const directory = resolve(into);
  const packageName = gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const wheel = await openWheel(file);
  try {
    const tensorflow = await describeTensorflow(wheel);
    if (gpu && /cpu/i.test(tensorflow.name)) {
      throw new SetupError(
        `${file} is ${tensorflow.name}, which is built without CUDA; --gpu takes a wheel of tensorflow`,
      );
    }
    const { name, version, nvidia } = tensorflow;
    say(`wheel: ${name} ${version}`);
    installPackages(directory, packageName);
    const packageRoot = join(directory, 'node_modules', packageName);
    await unpackTensorflow(wheel, tensorflow, packageRoot, say);
    say(`compile: the binding of ${packageName}, with ${compiler}`);
    compileBinding(
      directory,
      packageRoot,
      compiler,
      `the binding of ${packageName} ${bindingVersion} does not compile against ${name} ${version}; version ${testedTensorflow} is known to`,
    );
    const wanted = `the wheel's own metadata asks for these, whose lib folders LD_LIBRARY_PATH must name:\n  ${nvidia.join('\n  ')}`;
    const found = tryBinding(
      directory,
      packageRoot,
      gpu ? `the binding is there, but does not run; ${wanted}` : 'the binding is there, but does not run',
    );
    say(
      `try: a matrix product, right, by TensorFlow ${found.tensorflow} on ${found.gpu ? 'GPU' : 'CPU'}, Node ${found.node}`,
    );
    if (gpu && !found.gpu) throw new SetupError(`TensorFlow runs, but finds no GPU; ${wanted}`);
  } finally {
    await wheel.handle.close();
  }
  say(`done; in site.yaml: engineDirectory: ${directory}`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError) && !(error instanceof WheelError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
