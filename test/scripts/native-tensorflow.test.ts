import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'native-tensorflow-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A zip file of texts, each deflated, with its list of files at the end (PKWARE APPNOTE 6.3). */
function zip(files: Readonly<Record<string, string>>, claimed?: number): Buffer {
  const parts: Buffer[] = [];
  const list: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const packed = deflateRawSync(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(8, 8);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(crc32(text), 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(claimed ?? text.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), packed);
    list.push(entry, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(Buffer.concat(list).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...list, end]);
}

function wheelOf(name: string, bytes: Buffer): string {
  const file = join(directory, name);
  writeFileSync(file, bytes);
  return file;
}

const metadata = (name: string): Record<string, string> => ({
  'tensorflow-9.9.9.dist-info/METADATA': `Metadata-Version: 2.1\nName: ${name}\nVersion: 9.9.9\nRequires-Dist: nvidia-cudnn-cu12>=9; extra == "and-cuda"\n`,
});
const libraries = { 'tensorflow/libtensorflow_cc.so.2': 'cc', 'tensorflow/libtensorflow_framework.so.2': 'framework' };
const header = { 'tensorflow/include/tensorflow/c/eager/c_api.h': '// C' };

/** What the command says on its way to an error, with a compiler that is always there. */
function failure(wheel: string, ...more: string[]): string {
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      'scripts/native-tensorflow.mjs',
      '--wheel',
      wheel,
      '--into',
      join(directory, 'into'),
      '--compiler',
      process.execPath,
      ...more,
    ],
    { encoding: 'utf8' },
  );
  expect(status).toBe(1);
  return stderr;
}

const supported = process.platform === 'linux' && process.arch === 'x64';

describe.skipIf(!supported)('setting TensorFlow up from a wheel (needs Linux on x86-64)', () => {
  it.each([
    ['there is no wheel', join(directory, 'absent.whl'), 'pip download --no-deps tensorflow-cpu==2.21.0'],
    ['the wheel is no zip file', wheelOf('text.whl', Buffer.from('not a wheel')), 'was it downloaded wholly?'],
    [
      'the wheel ends early',
      wheelOf('half.whl', zip(metadata('tensorflow')).subarray(0, 90)),
      'was it downloaded wholly?',
    ],
    [
      'the wheel is of something else',
      wheelOf('numpy.whl', zip(metadata('numpy'))),
      'numpy 9.9.9) lacks libtensorflow_cc.so.2 and libtensorflow_framework.so.2',
    ],
    [
      'there are no headers',
      wheelOf('bare.whl', zip({ ...metadata('tensorflow'), ...libraries })),
      'lacks the C headers',
    ],
  ])('says what is missing: %s', (_, wheel, words) => {
    expect(failure(wheel)).toContain(words);
  });

  it.each(['tensorflow/include/tensorflow/c/../../../../../escaped.h', '/tmp/escaped.h', 'tensorflow\\..\\escaped.h'])(
    'refuses a file that would be unpacked elsewhere: %s',
    (name) => {
      const files = { ...metadata('tensorflow'), ...libraries, ...header, [name]: 'escaped' };
      expect(failure(wheelOf('slip.whl', zip(files)))).toContain('would lie outside its folder');
    },
  );

  it('refuses metadata that unpack to more than any have', () => {
    const files = { 'tensorflow-9.9.9.dist-info/METADATA': 'Name: tensorflow\n'.repeat(400_000) };
    expect(failure(wheelOf('long.whl', zip(files)))).toContain('has more than 4194304 bytes');
  });

  it('unpacks no more of a file than it claims to have', async () => {
    const reader = new URL('../../scripts/native-tensorflow/wheel.mjs', import.meta.url).href;
    const { openWheel, unpack } = await import(reader);
    const wheel = await openWheel(wheelOf('bomb.whl', zip({ 'bomb.h': '0'.repeat(5_000_000) }, 1000)));
    const target = join(directory, 'unpacked', 'bomb.h');
    await expect(unpack(wheel, wheel.entries[0], target)).rejects.toThrow('more than the 1000 bytes it claims');
    await wheel.handle.close();
    expect(statSync(target).size).toBeLessThanOrEqual(1000);
  });

  it('refuses a wheel without CUDA for a GPU', () => {
    const wheel = wheelOf('cpu.whl', zip({ ...metadata('tensorflow_cpu'), ...libraries, ...header }));
    expect(failure(wheel, '--gpu')).toContain('tensorflow_cpu, which is built without CUDA');
  });

  it('says that a compiler is needed', () => {
    expect(failure(wheelOf('any.whl', zip({})), '--compiler', 'no-such-compiler')).toContain('install g++');
  });

  it('says what it takes when it is called otherwise', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/native-tensorflow.mjs', '--wheel'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('Usage: node scripts/native-tensorflow.mjs --wheel FILE --into DIRECTORY');
  });
});
