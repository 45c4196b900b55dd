import { readFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ImagePayload } from '../../../../shared/plan/payload.ts';
import { decodeImage } from '../../../../site-agent/data/payload/decode-image.ts';
import type { ProblemRule } from '../../../../site-agent/data/problems.ts';
import { problemMeanings } from '../../../../site-agent/data/problems.ts';
import { imagePlan } from '../../../support/payload-plans.ts';

// Made by test/reference/images.py with Pillow: files of 6 x 4 pixels and the pixels it reads from them.
const reference = JSON.parse(readFileSync(new URL('../../../reference/images.json', import.meta.url), 'utf8')) as {
  readonly cases: Readonly<
    Record<string, { readonly file: string; readonly grey: number[]; readonly colour: number[] }>
  >;
};
const grey = imagePlan().data.payload as ImagePayload;
const colour: ImagePayload = { ...grey, channels: 3, mean: [0, 0, 0], scale: [1, 1, 1] };
const bytesOf = (name: string): Buffer => Buffer.from(reference.cases[name]?.file ?? '', 'base64');

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

/** A grey PNG with 8 bits of any size, and whatever stands in its data. */
function png(width: number, height: number, data: Uint8Array): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(data)),
    chunk('IEND', new Uint8Array()),
  ]);
}

const refusedForms: Readonly<Record<string, ProblemRule>> = {
  'png colour with a faint pixel': 'image_transparent',
  'png palette with transparency': 'image_transparent',
  'png 16 bits': 'image_depth',
  'jpeg cmyk': 'image_colour',
  gif: 'image_format',
  bmp: 'image_format',
  webp: 'image_format',
  tiff: 'image_format',
};

describe('decodeImage', () => {
  const names = Object.keys(reference.cases);

  it.each(names.filter((name) => !(name in refusedForms)))('reads %s as Pillow does', async (name) => {
    // Two decoders of the same JPEG may round a coefficient, and interpolate halved colours, differently.
    const most = !name.startsWith('jpeg') ? 0 : name.includes('half') ? 6 : 2;
    for (const [payload, expected] of [
      [grey, reference.cases[name]?.grey],
      [colour, reference.cases[name]?.colour],
    ] as const) {
      const decoded = await decodeImage(bytesOf(name), payload);
      if ('rule' in decoded) throw new Error(`${name}: ${decoded.rule} ${decoded.shown}`);
      expect(decoded.value.length).toBe(expected?.length);
      const apart = Array.from(decoded.value, (value, at) => Math.abs(value - (expected?.[at] as number)));
      expect(Math.max(...apart), name).toBeLessThanOrEqual(most);
    }
  });

  it.each(Object.entries(refusedForms))('refuses %s: %s', async (name, rule) => {
    expect(await decodeImage(bytesOf(name), colour)).toMatchObject({ rule });
  });

  it('refuses another size, and says which; orientation counts', async () => {
    const wide: ImagePayload = { ...grey, width: 8 };
    expect(await decodeImage(bytesOf('png grey'), wide)).toEqual({ rule: 'image_size', shown: '6 x 4, not 8 x 4' });
    const upright: ImagePayload = { ...grey, width: 4, height: 6 };
    expect(await decodeImage(bytesOf('jpeg orientation 6'), upright)).toEqual({
      rule: 'image_size',
      shown: '6 x 4, not 4 x 6',
    });
  });

  it('refuses every file cut off before its pixels end', async () => {
    for (const name of ['png grey', 'jpeg colour']) {
      const whole = bytesOf(name);
      for (const share of [0, 0.1, 0.3, 0.6, 0.8]) {
        const cut = whole.subarray(0, Math.floor(whole.length * share));
        const result = await decodeImage(cut, grey);
        expect('rule' in result && ['image_format', 'image_broken'].includes(result.rule), `${name} ${share}`).toBe(
          true,
        );
      }
    }
  });

  it('refuses a byte changed inside the data of a PNG', async () => {
    const whole = Buffer.from(bytesOf('png colour'));
    const at = whole.indexOf('IDAT') + 10;
    whole[at] = (whole[at] as number) ^ 0xff;
    expect(await decodeImage(whole, colour)).toMatchObject({ rule: 'image_broken' });
  });

  it('unpacks no file of another size, however much its header promises', async () => {
    const before = process.memoryUsage.rss();
    // 4 GB of pixels, were they unpacked.
    const bomb = png(65_535, 65_535, new Uint8Array(50_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    expect(await decodeImage(bomb, grey)).toMatchObject({ rule: 'image_size' });
    // The right size in front of far too much data.
    const stuffed = await decodeImage(png(6, 4, new Uint8Array(50_000_000)), grey);
    expect('value' in stuffed ? [...stuffed.value] : stuffed.rule).toSatisfy(
      (found) => found === 'image_broken' || (Array.isArray(found) && found.every((pixel) => pixel === 0)),
    );
    expect(process.memoryUsage.rss() - before).toBeLessThan(400_000_000);
  });

  it('ends every file of random bytes in one of the listed problems or in pixels', async () => {
    const mutated = fc
      .record({
        name: fc.constantFrom(...names),
        cuts: fc.array(fc.record({ at: fc.double({ min: 0, max: 0.999, noNaN: true }), byte: fc.nat(255) }), {
          maxLength: 12,
        }),
      })
      .map(({ name, cuts }) => {
        const bytes = Buffer.from(bytesOf(name));
        for (const { at, byte } of cuts) bytes[Math.floor(at * bytes.length)] = byte;
        return bytes;
      });
    const begun = fc
      .tuple(fc.constantFrom([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], [0xff, 0xd8, 0xff]), fc.uint8Array())
      .map(([mark, rest]) => Buffer.concat([Buffer.from(mark), rest]));
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: mutated }, begun, any), async (bytes) => {
        const result = await decodeImage(bytes, colour);
        if ('rule' in result) expect(problemMeanings[result.rule]).toBeTypeOf('string');
        else expect(result.value.length).toBe(72);
      }),
      { numRuns: 400, seed: 5 },
    );
  });
});
