import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../shared/runtime/logger.ts';
import { requireBinaries } from '../../../../site-agent/training/tfjs/portable.ts';
import { libraryError } from '../../../../site-agent/training/tfjs/runtime-errors.ts';
import { openTfjsBackend } from '../../../../site-agent/training/tfjs-backends.ts';
import { TrainingError } from '../../../../site-agent/training/training-error.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { nativeDirectory } from '../../../support/tfjs.ts';

const directory = mkdtempSync(join(tmpdir(), 'engines-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A directory with one package in it, which does `code` when it is loaded. */
function withPackage(folder: string, name: string, code: string): string {
  const root = join(directory, folder);
  const at = join(root, 'node_modules', name);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
  writeFileSync(join(at, 'index.js'), code);
  return root;
}

const empty = join(directory, 'empty');
mkdirSync(empty);

describe('opening a backend', () => {
  it('takes what comes with the package where nothing else is installed, and says what it looked for', async () => {
    const { log, lines } = recordingLogger();
    const backend = await openTfjsBackend(log, undefined, { engineDirectory: empty });
    expect(backend.name).toBe('wasm');
    expect(backend.description).toBe('tensorflow.js 4.22.0 wasm');
    expect(lines.map(({ message, fields }) => [message, fields.backend, fields.reason ?? fields.runsOn])).toEqual([
      ['tensorflow.js backend passed over', 'node-gpu', 'not installed'],
      ['tensorflow.js backend passed over', 'node', 'not installed'],
      ['tensorflow.js backend passed over', 'webgpu', 'not installed'],
      ['tensorflow.js backend found', 'wasm', 'tensorflow.js 4.22.0 wasm'],
    ]);
  });

  it('says where it looked for a backend that is named, and what to do', async () => {
    const named = async (options: { engineDirectory?: string }) =>
      String(await openTfjsBackend(silentLogger, 'node-gpu', options).catch((cause: unknown) => cause));
    const missing = await named({ engineDirectory: empty });
    expect(missing).toContain(`tensorflow.js backend node-gpu: not installed in ${empty}; docs/engines-tensorflow.md`);
    expect(missing).toContain('Name another engine, or auto');
    expect(await named({})).toContain('engineDirectory in site.yaml');
  });

  it('tells who names a folder that there is nothing in it', async () => {
    const told = async (options: { engineDirectory?: string }) => {
      const { log, lines } = recordingLogger();
      await openTfjsBackend(log, undefined, options);
      return lines.filter(({ fields }) => fields.reason === 'not installed').map(({ level }) => level);
    };
    expect(await told({ engineDirectory: empty })).toEqual(['info', 'info', 'info']);
    expect(new Set(await told({}))).not.toContain('info');
  });

  it('passes over a package that does not load, with its own words', async () => {
    const engineDirectory = withPackage(
      'broken',
      '@tensorflow/tfjs-node',
      "throw new Error('libtensorflow.so.2: cannot open shared object file');",
    );
    const { log, lines } = recordingLogger();
    expect((await openTfjsBackend(log, undefined, { engineDirectory })).name).toBe('wasm');
    expect(lines.find(({ fields }) => fields.backend === 'node')?.fields.reason).toContain('libtensorflow.so.2');
    await expect(openTfjsBackend(silentLogger, 'node', { engineDirectory })).rejects.toThrow(
      expect.objectContaining({ code: 'engine_missing', message: expect.stringContaining('libtensorflow.so.2') }),
    );
  });

  it('names the file that an installed package lacks, and does not call it not installed', async () => {
    // As `webgpu` loads its library, on a machine it has none for.
    const engineDirectory = withPackage('incomplete', 'webgpu', "require('./dist/linux-riscv64/dawn.node');");
    await expect(openTfjsBackend(silentLogger, 'webgpu', { engineDirectory })).rejects.toThrow(
      expect.objectContaining({
        code: 'engine_missing',
        message: expect.stringMatching(/^tensorflow\.js backend webgpu: Cannot find module '[^']*dawn\.node'; docs/),
      }),
    );
  });

  it('names the files of WebAssembly that are missing', () => {
    const one = join(directory, 'half-installed');
    mkdirSync(one);
    writeFileSync(join(one, 'tfjs-backend-wasm.wasm'), '');
    expect(() => requireBinaries(one)).toThrow(
      `tfjs-backend-wasm-simd.wasm missing in ${one}; install Wardround again`,
    );
    writeFileSync(join(one, 'tfjs-backend-wasm-simd.wasm'), '');
    expect(() => requireBinaries(one)).not.toThrow();
  });

  it('says that there is no WebGPU device', async () => {
    const engineDirectory = withPackage(
      'deviceless',
      'webgpu',
      'exports.globals = {}; exports.create = () => ({ requestAdapter: async () => null });',
    );
    withPackage('deviceless', '@tensorflow/tfjs-backend-webgpu', '');
    await expect(openTfjsBackend(silentLogger, 'webgpu', { engineDirectory })).rejects.toThrow(
      expect.objectContaining({ code: 'engine_missing', message: expect.stringContaining('Vulkan driver') }),
    );
    expect(Object.hasOwn(globalThis, 'navigator')).toBe(Number(process.versions.node.split('.')[0]) >= 21);
  });

  it.skipIf(nativeDirectory === undefined)(
    'keeps the gradients of each backend apart (needs WARDROUND_TEST_TENSORFLOW)',
    async () => {
      const options = nativeDirectory === undefined ? {} : { engineDirectory: nativeDirectory };
      const wasm = await openTfjsBackend(silentLogger, 'wasm');
      wasm.activate();
      const ours = wasm.library.getGradient('Conv2D');
      const native = await openTfjsBackend(silentLogger, 'node', options);
      expect(native.description).toMatch(/^tensorflow\.js 4\.22\.0 node, TensorFlow \d+\.\d+\.\d+ (cpu|gpu)$/);
      native.activate();
      const theirs = native.library.getGradient('Conv2D');
      expect(theirs.gradFunc).not.toBe(ours.gradFunc);
      wasm.activate();
      expect(wasm.library.getGradient('Conv2D').gradFunc).not.toBe(theirs.gradFunc);
      native.activate();
      expect(native.library.getGradient('Conv2D').gradFunc).toBe(theirs.gradFunc);
    },
  );
});

describe('what a backend throws', () => {
  it.each([
    ['Array buffer allocation failed', 'out_of_memory'],
    ['Invalid typed array length: 99999999999', 'out_of_memory'],
    ['table index is out of bounds', 'engine_failed'],
    ['[Invalid Buffer (unlabeled)] is invalid.', 'out_of_memory'],
    ['Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[1000000,1000000]', 'out_of_memory'],
    ['Argument to f in tf.tidy must be a function', 'engine_failed'],
  ])('%s: %s', (message, code) => {
    expect(libraryError(new Error(message))).toMatchObject({ code, subsystem: 'training' });
  });

  it('our own errors stay as they are', () => {
    const own = new TrainingError('batch_whole');
    expect(libraryError(own)).toBe(own);
  });
});
