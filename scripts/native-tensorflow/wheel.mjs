// Reads a Python wheel, which is a zip file, with Node alone: a hospital's machine need not have Python or unzip.
// Format: PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** Longest end record: 22 bytes and a comment of 65,535. */
const longestEnd = 22 + 0xffff;
const tooLarge = 0xffffffff;
const longestText = 4 * 1024 * 1024;

export class WheelError extends Error {}

async function bytesAt(handle, position, length) {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  if (bytesRead !== length) throw new WheelError('the file ends early; was it downloaded wholly?');
  return buffer;
}

/** Opens a wheel. `entries` are its files: name, method, bytes in the wheel and unpacked, checksum. */
export async function openWheel(file) {
  const handle = await open(file);
  try {
    return { file, handle, entries: await entriesOf(handle) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A name becomes a path below the folder that is unpacked into, and must not lead out of it. */
function checkName(name) {
  const leadsOut = name.split('/').some((step) => step === '..') || name.startsWith('/') || /[\\\0:]/.test(name);
  if (leadsOut)
    throw new WheelError(`it holds a file named ${JSON.stringify(name)}, which would lie outside its folder`);
}

async function entriesOf(handle) {
  const { size } = await handle.stat();
  const tail = await bytesAt(handle, Math.max(0, size - longestEnd), Math.min(size, longestEnd));
  let at = tail.length - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== endSignature) at -= 1;
  if (at < 0) throw new WheelError('it is not a zip file, or it ends early; was it downloaded wholly?');
  const count = tail.readUInt16LE(at + 10);
  const length = tail.readUInt32LE(at + 12);
  const offset = tail.readUInt32LE(at + 16);
  if (count === 0xffff || offset === tooLarge)
    throw new WheelError('it is a zip file of 64 bits, which no wheel of TensorFlow is');
  if (offset + length > size) throw new WheelError('its list of files is damaged');
  const directory = await bytesAt(handle, offset, length);
  const entries = [];
  let position = 0;
  for (let index = 0; index < count; index++) {
    if (position + 46 > length || directory.readUInt32LE(position) !== entrySignature)
      throw new WheelError('its list of files is damaged');
    const nameLength = directory.readUInt16LE(position + 28);
    const extraLength = directory.readUInt16LE(position + 30);
    const commentLength = directory.readUInt16LE(position + 32);
    const name = directory.toString('utf8', position + 46, position + 46 + nameLength);
    checkName(name);
    entries.push({
      name,
      method: directory.readUInt16LE(position + 10),
      checksum: directory.readUInt32LE(position + 16),
      packedBytes: directory.readUInt32LE(position + 20),
      bytes: directory.readUInt32LE(position + 24),
      offset: directory.readUInt32LE(position + 42),
    });
    position += 46 + nameLength + extraLength + commentLength;
  }
  return entries;
}

async function dataStream({ file, handle }, entry) {
  const local = await bytesAt(handle, entry.offset, 30);
  if (local.readUInt32LE(0) !== localSignature)
    throw new WheelError(`${entry.name} is not where the list of files says`);
  if (entry.method !== 0 && entry.method !== 8) {
    throw new WheelError(`${entry.name} is packed by method ${entry.method}; only stored and deflated files are read`);
  }
  const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  return createReadStream(file, { start, end: start + entry.packedBytes - 1 });
}

/** Unpacks one file of the wheel to `target` and checks its checksum. */
export async function unpack(wheel, entry, target) {
  await mkdir(dirname(target), { recursive: true });
  let checksum = 0;
  let bytes = 0;
  const check = new Transform({
    transform(chunk, _encoding, done) {
      bytes += chunk.length;
      if (bytes > entry.bytes) {
        done(new WheelError(`${entry.name} unpacks to more than the ${entry.bytes} bytes it claims`));
        return;
      }
      checksum = crc32(chunk, checksum);
      done(null, chunk);
    },
  });
  if (entry.packedBytes === 0) {
    await pipeline([Buffer.alloc(0)], createWriteStream(target));
  } else {
    const stages = [await dataStream(wheel, entry), ...(entry.method === 8 ? [createInflateRaw()] : []), check];
    await pipeline([...stages, createWriteStream(target)]);
  }
  if (checksum !== entry.checksum) throw new WheelError(`${entry.name} is damaged: its checksum differs`);
}

/** One small text file of the wheel. */
export async function textOf(wheel, entry) {
  const chunks = [];
  let bytes = 0;
  const stream = await dataStream(wheel, entry);
  for await (const chunk of entry.method === 8 ? stream.pipe(createInflateRaw()) : stream) {
    bytes += chunk.length;
    if (bytes > longestText) throw new WheelError(`${entry.name} has more than ${longestText} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
