import type { Metadata, Sharp, SharpConstructor } from 'sharp';
import type { ImagePayload } from '../../../shared/plan/payload.ts';
import { DataError } from '../data-error.ts';
import type { Outcome } from './image-bytes.ts';
import { plainPng } from './plain-png.ts';

/** One library for the process: opened when the first image is read, so that plans without images need none. */
let opened: Promise<SharpConstructor> | undefined;

async function imageLibrary(): Promise<SharpConstructor> {
  opened ??= import('sharp').then(({ default: sharp }) => {
    // Of the forty formats it can read, these two: fewer decoders, fewer ways for a file to do harm.
    sharp.block({ operation: ['VipsForeignLoad'] });
    sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg'] });
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
  try {
    return await opened;
  } catch (cause) {
    opened = undefined;
    throw new DataError(
      'image_library_missing',
      `The image library cannot be loaded on ${process.platform} ${process.arch}: install sharp's package for it.`,
      { platform: process.platform, processor: process.arch },
      cause,
    );
  }
}

const pngMark = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const jpegMark = [0xff, 0xd8, 0xff];
const begins = (bytes: Uint8Array, mark: readonly number[]): boolean => mark.every((byte, at) => bytes[at] === byte);

/** The colour spaces of 8-bit files that are grey or red, green and blue. */
const plainSpaces: ReadonlySet<string> = new Set(['b-w', 'srgb', 'rgb']);

/**
 * The pixels of a PNG or JPEG as the plan takes them. Nothing is decoded before the header has the plan's size: a small file that unpacks to
 * a huge image costs nothing.
 *
 * - Turned and mirrored as the EXIF orientation says; width and height are those after it. Colour profiles are not applied.
 * - A transparency that is opaque everywhere is left out; any other is a problem, as are CMYK and more than 8 bits a channel.
 * - One channel: the luma (19595 R + 38470 G + 7471 B + 2^15) / 2^16 of ITU-R BT.601, as Pillow's mode L. Three: a grey file is repeated.
 *
 * @returns uint8 [channels, height, width]
 * @throws DataError `image_library_missing`
 */
export async function decodeImage(bytes: Buffer, payload: ImagePayload): Promise<Outcome<Uint8Array>> {
  if (bytes.length === 0) return { rule: 'image_broken', shown: 'an empty file' };
  if (!begins(bytes, pngMark) && !begins(bytes, jpegMark)) return { rule: 'image_format', shown: '' };
  const { width, height } = payload;
  const plain = begins(bytes, pngMark) ? plainPng(bytes, width, height) : null;
  if (plain !== null) return planar(plain.data, plain.channels, payload);
  const sharp = await imageLibrary();
  const reader = (limitInputPixels: number | false): Sharp =>
    sharp(bytes, { limitInputPixels, failOn: 'warning', ignoreIcc: true, sequentialRead: true, pages: 1 });
  let header: Metadata;
  try {
    header = await reader(false).metadata();
  } catch {
    return { rule: 'image_broken', shown: '' };
  }
  const turned = (header.orientation ?? 1) >= 5;
  const [foundWidth, foundHeight] = turned ? [header.height, header.width] : [header.width, header.height];
  if (foundWidth !== width || foundHeight !== height) {
    return { rule: 'image_size', shown: `${foundWidth} x ${foundHeight}, not ${width} x ${height}` };
  }
  if (header.depth !== 'uchar') return { rule: 'image_depth', shown: header.depth };
  if (!plainSpaces.has(header.space)) return { rule: 'image_colour', shown: header.space };
  try {
    const { data, info } = await reader(width * height)
      .autoOrient()
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.width !== width || info.height !== height || data.length !== width * height * info.channels) {
      return { rule: 'image_broken', shown: `${info.width} x ${info.height} x ${info.channels}` };
    }
    return planar(data, info.channels, payload);
  } catch {
    return { rule: 'image_broken', shown: '' };
  }
}

/** From interleaved [height, width, found] to [channels, height, width]. */
function planar(data: Uint8Array, found: number, { channels, height, width }: ImagePayload): Outcome<Uint8Array> {
  const pixels = height * width;
  const colours = found >= 3 ? 3 : 1;
  if (found !== colours) {
    for (let at = colours; at < data.length; at += found) {
      if (data[at] !== 255) return { rule: 'image_transparent', shown: `alpha ${data[at]}` };
    }
  }
  const value = new Uint8Array(channels * pixels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const at = pixel * found;
    const red = data[at] as number;
    const green = colours === 3 ? (data[at + 1] as number) : red;
    const blue = colours === 3 ? (data[at + 2] as number) : red;
    if (channels === 1) value[pixel] = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
    else {
      value[pixel] = red;
      value[pixels + pixel] = green;
      value[2 * pixels + pixel] = blue;
    }
  }
  return { value };
}
