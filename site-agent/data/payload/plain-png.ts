import { crc32, inflateSync } from 'node:zlib';

/** Beyond so many bytes of pixels the image library is as fast, and does its work on other threads. */
const mostBytes = 32 * 1024;
/** Chunks beside the pixels that change none: gamma, colours and size of print are not applied, a time says nothing. */
const idleChunks: ReadonlySet<string> = new Set(['gAMA', 'cHRM', 'sRGB', 'pHYs', 'tIME']);

/**
 * The pixels of a small PNG of the commonest form, by the specification alone (W3C PNG, third edition, 9.2 and 10): 8 bits, grey or red,
 * green and blue, not interlaced, without any chunk that could mean more. Everything else, and whatever is not whole, is left to the image
 * library: null. A library call takes ten times the time for an image of 28 x 28.
 * @returns interleaved [height, width, channels]
 */
export function plainPng(
  bytes: Buffer,
  width: number,
  height: number,
): { readonly data: Uint8Array; readonly channels: 1 | 3 } | null {
  if (bytes.length < 57 || bytes.readUInt32BE(8) !== 13 || bytes.toString('latin1', 12, 16) !== 'IHDR') return null;
  if (bytes.readUInt32BE(16) !== width || bytes.readUInt32BE(20) !== height) return null;
  const colour = bytes[25];
  if (bytes[24] !== 8 || (colour !== 0 && colour !== 2) || bytes[26] !== 0 || bytes[27] !== 0 || bytes[28] !== 0) {
    return null;
  }
  const channels = colour === 0 ? 1 : 3;
  const stride = width * channels;
  if (stride * height > mostBytes) return null;
  const packed = packedPixels(bytes);
  if (packed === null) return null;
  let lines: Buffer;
  try {
    lines = inflateSync(packed, { maxOutputLength: (stride + 1) * height });
  } catch {
    return null;
  }
  if (lines.length !== (stride + 1) * height) return null;
  return unfiltered(lines, stride, height, channels);
}

/** The pixel chunks, one after the other, of a file whose every chunk is known and whole and that ends with its last. */
function packedPixels(bytes: Buffer): Buffer | null {
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > bytes.length || crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4)) return null;
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (type === 'IEND') return end === bytes.length && parts.length > 0 ? Buffer.concat(parts) : null;
    if (type === 'IDAT') parts.push(bytes.subarray(at + 8, end - 4));
    else if (!(type === 'IHDR' && at === 8) && !(idleChunks.has(type) && parts.length === 0)) return null;
    at = end;
  }
  return null;
}

/** Each line begins with the number of its filter; a byte is the difference to what its neighbours left, above and left above foretell. */
function unfiltered(lines: Buffer, stride: number, height: number, channels: 1 | 3) {
  const data = new Uint8Array(stride * height);
  for (let line = 0; line < height; line++) {
    const from = line * (stride + 1) + 1;
    const to = line * stride;
    const filter = lines[from - 1] as number;
    if (filter > 4) return null;
    for (let place = 0; place < stride; place++) {
      const left = place < channels ? 0 : (data[to + place - channels] as number);
      const above = line === 0 ? 0 : (data[to + place - stride] as number);
      let foretold = 0;
      if (filter === 1) foretold = left;
      else if (filter === 2) foretold = above;
      else if (filter === 3) foretold = (left + above) >> 1;
      else if (filter === 4) {
        const corner = line === 0 || place < channels ? 0 : (data[to + place - stride - channels] as number);
        foretold = paeth(left, above, corner);
      }
      data[to + place] = (lines[from + place] as number) + foretold;
    }
  }
  return { data, channels };
}

function paeth(left: number, above: number, corner: number): number {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
