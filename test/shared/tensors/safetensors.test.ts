import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  maximumHeaderBytes,
  readSafetensorsIndex,
  safetensorsHeader,
  safetensorsHeaderBytes,
} from '../../../shared/tensors/safetensors.ts';
import type { NamedTensors } from '../../../shared/tensors/tensor.ts';
import { TensorError, type TensorErrorCode } from '../../../shared/tensors/tensor-error.ts';

// Written by the reference implementation, Python's safetensors 0.8.0 with numpy 2.4.6:
//
// python3 - <<'PY'
// from safetensors.numpy import save
// import numpy as np
// print(save({
//     'output.weight': np.array([[1.5, -2.25, 0.1], [3e38, 1e-45, -0.0]], dtype='<f4'),
//     'output.bias': np.array([0.5], dtype='<f4'),
//     'scalar': np.array(7, dtype='<f4'),
//     'empty': np.zeros((0, 3), dtype='<f4'),
// }, metadata={'wardround': 'weights/1'}).hex())
// PY
const reference = Buffer.from(
  '28010000000000007b225f5f6d657461646174615f5f223a7b2277617264726f756e64223a22776569676874732f31227d2c22656d707479223a7b226474797065223a22463332222c227368617065223a5b302c335d2c22646174615f6f666673657473223a5b302c305d7d2c226f75747075742e62696173223a7b226474797065223a22463332222c227368617065223a5b315d2c22646174615f6f666673657473223a5b302c345d7d2c226f75747075742e776569676874223a7b226474797065223a22463332222c227368617065223a5b322c335d2c22646174615f6f666673657473223a5b342c32385d7d2c227363616c6172223a7b226474797065223a22463332222c227368617065223a5b5d2c22646174615f6f666673657473223a5b32382c33325d7d7d20202020200000003f0000c03f000010c0cdcccc3de6b1617f01000000000000800000e040',
  'hex',
);

const tensors: NamedTensors = new Map([
  ['output.weight', { shape: [2, 3], data: Float32Array.of(1.5, -2.25, 0.1, 3e38, 1e-45, -0) }],
  ['output.bias', { shape: [1], data: Float32Array.of(0.5) }],
  ['scalar', { shape: [], data: Float32Array.of(7) }],
  ['empty', { shape: [0, 3], data: new Float32Array(0) }],
]);

/** A file with this header, as it stands, and so many bytes of data. */
function fileOf(header: string, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.byteLength), true);
  bytes.set(json, 8);
  return bytes;
}

function codeOf(action: () => unknown): TensorErrorCode | 'none' {
  try {
    action();
  } catch (error) {
    if (error instanceof TensorError) return error.code;
    throw error;
  }
  return 'none';
}

describe('encodeSafetensors', () => {
  it('writes the bytes the reference implementation writes', () => {
    expect(Buffer.from(encodeSafetensors(tensors, { wardround: 'weights/1' })).toString('hex')).toBe(
      reference.toString('hex'),
    );
  });

  it('does not depend on the order of the map or of the metadata', () => {
    const turned = new Map([...tensors].reverse());
    expect(encodeSafetensors(turned, { b: '2', a: '1' })).toEqual(encodeSafetensors(tensors, { a: '1', b: '2' }));
  });

  it('writes views of a larger buffer', () => {
    const large = Float32Array.of(9, 9, 1, 2, 9);
    const view = new Map([['a', { shape: [2], data: large.subarray(2, 4) }]]);
    expect(decodeSafetensors(encodeSafetensors(view)).get('a')?.data).toEqual(Float32Array.of(1, 2));
  });

  it.each<[string, NamedTensors, TensorErrorCode]>([
    ['data and shape that disagree', new Map([['a', { shape: [3], data: new Float32Array(2) }]]), 'size_mismatch'],
    ['an empty name', new Map([['', { shape: [0], data: new Float32Array(0) }]]), 'name_invalid'],
    ['the name of the metadata', new Map([['__metadata__', { shape: [], data: new Float32Array(1) }]]), 'name_invalid'],
    ['a negative dimension', new Map([['a', { shape: [-1], data: new Float32Array(1) }]]), 'shape_invalid'],
    ['half a dimension', new Map([['a', { shape: [0.5], data: new Float32Array(1) }]]), 'shape_invalid'],
  ])('refuses %s', (_, bad, code) => {
    expect(codeOf(() => encodeSafetensors(bad))).toBe(code);
  });
});

describe('decodeSafetensors', () => {
  it('reads what the reference implementation wrote, in the order of names, bit for bit', () => {
    const read = decodeSafetensors(reference);
    expect([...read.keys()]).toEqual(['empty', 'output.bias', 'output.weight', 'scalar']);
    for (const [name, tensor] of tensors) {
      expect(read.get(name)?.shape).toEqual(tensor.shape);
      expect(new Uint32Array(read.get(name)?.data.slice().buffer ?? new ArrayBuffer(0))).toEqual(
        new Uint32Array(tensor.data.slice().buffer),
      );
    }
  });

  it('gives each tensor memory of its own, from a pooled Buffer and at an odd offset too', () => {
    const odd = new Uint8Array(reference.byteLength + 1);
    odd.set(reference, 1);
    for (const bytes of [Buffer.concat([reference]), odd.subarray(1)]) {
      const data = decodeSafetensors(bytes).get('output.weight')?.data;
      expect(data).toEqual(Float32Array.of(1.5, -2.25, 0.1, 3e38, 1e-45, -0));
      bytes.fill(0);
      expect(data?.[0]).toBe(1.5);
      expect(data?.buffer.byteLength).toBe(24);
    }
  });

  it('keeps NaN and infinities: whether they are allowed is decided elsewhere', () => {
    const data = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY);
    expect(decodeSafetensors(encodeSafetensors(new Map([['a', { shape: [2], data }]]))).get('a')?.data).toEqual(data);
  });

  const entry = (shape: string, offsets: string, dtype = '"F32"') =>
    `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
  it.each<[string, Uint8Array, TensorErrorCode]>([
    ['no bytes at all', new Uint8Array(0), 'truncated'],
    ['seven bytes', new Uint8Array(7), 'truncated'],
    ['a header that is longer than the file', fileOf('{}', 0).subarray(0, 9), 'truncated'],
    ['a header of 2^64 - 1 bytes', new Uint8Array(8).fill(255), 'header_too_large'],
    ['a header one byte over the limit', lengthOnly(maximumHeaderBytes + 1), 'header_too_large'],
    ['an empty header', fileOf('', 0), 'header_malformed'],
    ['a header that is no JSON', fileOf('{"a":', 0), 'header_malformed'],
    ['a header that is a list', fileOf('[]', 0), 'header_malformed'],
    ['a header that is null', fileOf('null', 0), 'header_malformed'],
    ['white space before the header', fileOf(' {}', 0), 'header_malformed'],
    ['a byte order mark', fileOf('\ufeff{}', 0), 'header_malformed'],
    ['bytes that are no UTF-8', notUtf8(), 'header_malformed'],
    ['a tensor that is a number', fileOf('{"a":1}', 0), 'header_malformed'],
    ['a tensor without a shape', fileOf('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), 'header_malformed'],
    [
      'a key that does not belong',
      fileOf(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}`, 4),
      'header_malformed',
    ],
    ['metadata that is no text', fileOf('{"__metadata__":{"a":1}}', 0), 'header_malformed'],
    ['metadata that is a list', fileOf('{"__metadata__":[]}', 0), 'header_malformed'],
    ['another type', fileOf(`{"a":${entry('[1]', '[0,8]', '"F64"')}}`, 8), 'dtype_unsupported'],
    ['an unknown type', fileOf(`{"a":${entry('[1]', '[0,4]', '"f32"')}}`, 4), 'dtype_unsupported'],
    ['a type that is no text', fileOf(`{"a":${entry('[1]', '[0,4]', '32')}}`, 4), 'dtype_unsupported'],
    ['a name twice', fileOf(`{"a":${entry('[1]', '[0,4]')},"a":${entry('[1]', '[0,4]')}}`, 4), 'name_invalid'],
    [
      'a name twice, once escaped',
      fileOf(`{"a":${entry('[1]', '[0,4]')},"\\u0061":${entry('[1]', '[0,4]')}}`, 4),
      'name_invalid',
    ],
    [
      'a name twice, at the same place',
      fileOf(`{"a":${entry('[0]', '[0,0]')} ,"a" :${entry('[0]', '[0,0]')}}`, 0),
      'name_invalid',
    ],
    ['an empty name', fileOf(`{"":${entry('[1]', '[0,4]')}}`, 4), 'name_invalid'],
    ['a name of 513 characters', fileOf(`{"${'a'.repeat(513)}":${entry('[1]', '[0,4]')}}`, 4), 'name_invalid'],
    ['a negative dimension', fileOf(`{"a":${entry('[-1]', '[0,4]')}}`, 4), 'shape_invalid'],
    ['half a dimension', fileOf(`{"a":${entry('[0.5]', '[0,2]')}}`, 2), 'shape_invalid'],
    ['a dimension in quotes', fileOf(`{"a":${entry('["1"]', '[0,4]')}}`, 4), 'shape_invalid'],
    ['a shape that is no list', fileOf(`{"a":${entry('1', '[0,4]')}}`, 4), 'shape_invalid'],
    ['a dimension beyond 2^53', fileOf(`{"a":${entry('[9007199254740993]', '[0,4]')}}`, 4), 'shape_invalid'],
    [
      'a product that overflows 2^64 to 1',
      fileOf(`{"a":${entry('[4294967296,4294967296]', '[0,4]')}}`, 4),
      'shape_invalid',
    ],
    [
      'a huge product behind a zero',
      fileOf(`{"a":${entry('[0,4294967296,4294967296]', '[0,0]')}}`, 0),
      'shape_invalid',
    ],
    ['seventeen dimensions', fileOf(`{"a":${entry(`[${Array(17).fill(1).join(',')}]`, '[0,4]')}}`, 4), 'shape_invalid'],
    ['one offset', fileOf(`{"a":${entry('[1]', '[0]')}}`, 4), 'offsets_invalid'],
    ['offsets out of order', fileOf(`{"a":${entry('[1]', '[4,0]')}}`, 4), 'offsets_invalid'],
    ['a negative offset', fileOf(`{"a":${entry('[1]', '[-4,0]')}}`, 4), 'offsets_invalid'],
    ['half an offset', fileOf(`{"a":${entry('[1]', '[0.5,4.5]')}}`, 5), 'offsets_invalid'],
    [
      'an offset beyond any file',
      fileOf(`{"a":${entry('[1]', '[4503599627370492,4503599627370496]')}}`, 4),
      'offsets_invalid',
    ],
    ['a gap before the first tensor', fileOf(`{"a":${entry('[1]', '[4,8]')}}`, 8), 'offsets_invalid'],
    [
      'a gap between tensors',
      fileOf(`{"a":${entry('[1]', '[0,4]')},"b":${entry('[1]', '[8,12]')}}`, 12),
      'offsets_invalid',
    ],
    [
      'tensors that overlap',
      fileOf(`{"a":${entry('[2]', '[0,8]')},"b":${entry('[1]', '[4,8]')}}`, 8),
      'offsets_invalid',
    ],
    [
      'two tensors in one place',
      fileOf(`{"a":${entry('[1]', '[0,4]')},"b":${entry('[1]', '[0,4]')}}`, 4),
      'offsets_invalid',
    ],
    [
      'a shape that needs more bytes than the offsets give',
      fileOf(`{"a":${entry('[2]', '[0,4]')}}`, 4),
      'size_mismatch',
    ],
    ['a shape that needs fewer', fileOf(`{"a":${entry('[1]', '[0,8]')}}`, 8), 'size_mismatch'],
    ['a file that ends early', reference.subarray(0, reference.byteLength - 1), 'size_mismatch'],
    ['a file that goes on', Buffer.concat([reference, new Uint8Array(1)]), 'size_mismatch'],
    ['no tensors but data', fileOf('{}', 4), 'size_mismatch'],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(() => decodeSafetensors(bytes))).toBe(code);
  });

  function lengthOnly(length: number): Uint8Array {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
    return bytes;
  }

  function notUtf8(): Uint8Array {
    const bytes = fileOf('{"a":""}', 0);
    bytes[14] = 0xff;
    return bytes;
  }

  it('does not touch prototypes, whatever a tensor is called', () => {
    const bytes = fileOf(`{"__proto__":${entry('[1]', '[0,4]')},"constructor":${entry('[1]', '[4,8]')}}`, 8);
    const read = decodeSafetensors(bytes);
    expect([...read.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
    expect(decodeSafetensors(encodeSafetensors(read))).toEqual(read);
  });

  it('takes a header with other spacing and order, as other writers make it', () => {
    const bytes = fileOf(
      `{ "b" : { "shape" : [ 1 ] , "data_offsets" : [ 4 , 8 ] , "dtype" : "F32" } ,\n "a{\\"":${entry('[1]', '[0,4]')} }   `,
      8,
    );
    expect([...decodeSafetensors(bytes).keys()]).toEqual(['a{"', 'b']);
  });

  it('gives back what was written, for any tensors', () => {
    const anyTensors = fc
      .uniqueArray(
        fc.record({
          name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((name) => name !== '__metadata__'),
          shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
          fill: fc.float(),
        }),
        { selector: ({ name }) => name, maxLength: 8 },
      )
      .map(
        (items): NamedTensors =>
          new Map(
            items.map(({ name, shape, fill }) => [
              name,
              { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(fill) },
            ]),
          ),
      );
    fc.assert(
      fc.property(anyTensors, (written) => {
        const read = decodeSafetensors(encodeSafetensors(written));
        expect(new Map(read)).toEqual(new Map(written));
        expect([...read.keys()]).toEqual([...written.keys()].sort());
      }),
      { numRuns: 200 },
    );
  });

  it('throws nothing but TensorError for corrupted or arbitrary bytes', () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: reference.byteLength - 1 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(edits, fc.nat({ max: reference.byteLength }), fc.boolean(), (changes, length, cut) => {
        const bytes = Uint8Array.from(cut ? reference.subarray(0, length) : reference);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        codeOf(() => decodeSafetensors(bytes));
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.json(), fc.nat({ max: 64 }), (header, dataBytes) => {
        codeOf(() => decodeSafetensors(fileOf(header, dataBytes)));
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        codeOf(() => decodeSafetensors(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('does not nest into the ground', () => {
    expect(codeOf(() => decodeSafetensors(fileOf('{"a":'.repeat(200_000), 0)))).toBe('header_malformed');
  });
});

describe('readSafetensorsIndex', () => {
  it('reads a file in pieces: eight bytes, the header, then each tensor where it stands', () => {
    const headerBytes = safetensorsHeaderBytes(reference.subarray(0, 8));
    const index = readSafetensorsIndex(reference.subarray(0, headerBytes));
    expect(index.headerBytes).toBe(headerBytes);
    expect(index.totalBytes).toBe(reference.byteLength);
    expect(index.metadata).toEqual({ wardround: 'weights/1' });
    expect(index.entries).toEqual([
      { name: 'empty', dtype: 'F32', shape: [0, 3], begin: 0, end: 0 },
      { name: 'output.bias', dtype: 'F32', shape: [1], begin: 0, end: 4 },
      { name: 'output.weight', dtype: 'F32', shape: [2, 3], begin: 4, end: 28 },
      { name: 'scalar', dtype: 'F32', shape: [], begin: 28, end: 32 },
    ]);
    expect(new DataView(reference.buffer, reference.byteOffset + headerBytes).getFloat32(4, true)).toBe(1.5);
  });

  it('agrees with the header that is written ahead of the data', () => {
    const header = safetensorsHeader([
      { name: 'b', shape: [2, 2] },
      { name: 'a', shape: [1] },
    ]);
    expect(header.byteLength % 8).toBe(0);
    const index = readSafetensorsIndex(header);
    expect(index.entries.map(({ name, begin, end }) => [name, begin, end])).toEqual([
      ['b', 0, 16],
      ['a', 16, 20],
    ]);
    expect(index.totalBytes).toBe(header.byteLength + 20);
  });

  it('refuses a prefix that ends within the header', () => {
    expect(codeOf(() => readSafetensorsIndex(reference.subarray(0, 100)))).toBe('truncated');
  });
});

describe('what a refusal says', () => {
  // ESC, the eight-bit CSI, a direction override, a character that is not seen, a Cyrillic a, a line end.
  const hostile = ['a\u001b[2J', 'a\u009b2J', 'a\u202eb', 'a\u200b', '\u0430', 'a\nadmitted', 'x'.repeat(500)];
  const parts: readonly [string, object][] = [
    ['another type', { dtype: 'F16', shape: [1], data_offsets: [0, 4] }],
    ['more than is there', { dtype: 'F32', shape: [2], data_offsets: [0, 4] }],
    ['a shape of texts', { dtype: 'F32', shape: [2 ** 50, 'a\u001b[2J'], data_offsets: [0, 4] }],
  ];

  it.each(parts)('of a tensor of %s holds nothing that a terminal would obey', (_, entry) => {
    for (const name of hostile) {
      let message = '';
      try {
        decodeSafetensors(fileOf(JSON.stringify({ [name]: entry }), 4));
      } catch (error) {
        message = (error as TensorError).message;
      }
      expect(message).toMatch(/^tensor [\x20-\x7e]+$/);
      expect(message.length).toBeLessThan(300);
    }
  });
});
