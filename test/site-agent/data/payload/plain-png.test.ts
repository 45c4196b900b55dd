import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { plainPng } from '../../../../site-agent/data/payload/plain-png.ts';

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

const mark = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const end = chunk('IEND', new Uint8Array());

function header(width: number, height: number, rest: readonly number[]): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set(rest, 8);
  return chunk('IHDR', data);
}

const shape = fc.record({
  width: fc.integer({ min: 1, max: 9 }),
  height: fc.integer({ min: 1, max: 7 }),
  channels: fc.constantFrom(1 as const, 3 as const),
  filters: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 7, maxLength: 7 }),
  bytes: fc.uint8Array({ minLength: 9 * 7 * 3, maxLength: 9 * 7 * 3 }),
  cut: fc.double({ min: 0, max: 1, noNaN: true }),
});

/** Any bytes behind any filters are an image. The pixels are in two chunks. */
function file({
  width,
  height,
  channels,
  filters,
  bytes,
  cut,
}: typeof shape extends fc.Arbitrary<infer T> ? T : never) {
  const stride = width * channels;
  const lines = Buffer.concat(
    Array.from({ length: height }, (_, line) =>
      Buffer.concat([Buffer.from([filters[line] as number]), bytes.subarray(line * stride, (line + 1) * stride)]),
    ),
  );
  const packed = deflateSync(lines);
  const at = Math.floor(cut * packed.length);
  return Buffer.concat([
    mark,
    header(width, height, [8, channels === 1 ? 0 : 2, 0, 0, 0]),
    chunk('gAMA', Buffer.from([0, 0, 0xb1, 0x8f])),
    chunk('IDAT', packed.subarray(0, at)),
    chunk('IDAT', packed.subarray(at)),
    end,
  ]);
}

/** What libpng makes of it; the library gives grey three times. */
async function byLibrary(bytes: Buffer, channels: 1 | 3): Promise<Uint8Array> {
  const reader = sharp(bytes, { failOn: 'warning', ignoreIcc: true }).raw();
  const { data, info } = await reader.toBuffer({ resolveWithObject: true });
  return channels === info.channels ? data : data.filter((_, place) => place % info.channels === 0);
}

describe('a small plain PNG', () => {
  it('is what libpng reads, whatever the filters', async () => {
    await fc.assert(
      fc.asyncProperty(shape, async (one) => {
        const bytes = file(one);
        const found = plainPng(bytes, one.width, one.height);
        expect(found?.channels).toBe(one.channels);
        expect([...(found?.data ?? [])]).toEqual([...(await byLibrary(bytes, one.channels))]);
      }),
      { numRuns: 300 },
    );
  });

  it('with any byte changed behind the mark, or cut off, is left to the library', () => {
    fc.assert(
      fc.property(shape, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (one, nth, by, short) => {
        const bytes = file(one);
        const place = 8 + (nth % (bytes.length - 8));
        bytes[place] = (bytes[place] as number) ^ by;
        expect(plainPng(short ? bytes.subarray(0, place) : bytes, one.width, one.height)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it('is left to the library where anything could mean more, or is too large', async () => {
    const lines = Buffer.alloc(3 * 4 * 4);
    const made = (rest: readonly number[], more: readonly Buffer[] = [], data: Buffer = lines): Buffer =>
      Buffer.concat([mark, header(2, 3, rest), ...more, chunk('IDAT', deflateSync(data)), end]);
    const plain = made([8, 0, 0, 0, 0], [], Buffer.alloc(9));
    expect(plainPng(plain, 2, 3)).toEqual({ data: new Uint8Array(6), channels: 1 });
    expect(plainPng(plain, 3, 2)).toBeNull();
    expect(plainPng(Buffer.concat([plain, Buffer.alloc(1)]), 2, 3)).toBeNull();
    // 16 bits, palette, grey and colour with transparency, interlaced.
    for (const rest of [
      [16, 0, 0, 0, 0],
      [8, 3, 0, 0, 0],
      [8, 4, 0, 0, 0],
      [8, 6, 0, 0, 0],
      [8, 0, 0, 0, 1],
    ]) {
      expect(plainPng(made(rest), 2, 3)).toBeNull();
    }
    for (const type of ['tRNS', 'eXIf', 'sBIT', 'iCCP', 'tEXt', 'acTL', 'IHDR']) {
      expect(plainPng(made([8, 0, 0, 0, 0], [chunk(type, Buffer.alloc(2))], Buffer.alloc(9)), 2, 3)).toBeNull();
    }
    // A filter that is none; one byte too few and too many.
    for (const data of [Buffer.alloc(9, 5), Buffer.alloc(8), Buffer.alloc(10)]) {
      expect(plainPng(made([8, 0, 0, 0, 0], [], data), 2, 3)).toBeNull();
    }
    const wide = await sharp(Buffer.alloc(200 * 200), { raw: { width: 200, height: 200, channels: 1 } })
      .png()
      .toBuffer();
    expect(plainPng(wide, 200, 200)).toBeNull();
  });
});
