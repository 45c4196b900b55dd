import { describe, expect, it } from 'vitest';
import { firstNotFinite, l2Norm, namedTensors, tensorMismatch } from '../../../shared/tensors/checks.ts';
import { TensorError } from '../../../shared/tensors/tensor-error.ts';

const vector = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });

describe('namedTensors', () => {
  it('sorts by UTF-16 code unit, not by locale', () => {
    const tensors = namedTensors([
      ['b', vector(1)],
      ['ä', vector(1)],
      ['B', vector(1)],
      ['a10', vector(1)],
      ['a9', vector(1)],
    ]);
    expect([...tensors.keys()]).toEqual(['B', 'a10', 'a9', 'b', 'ä']);
  });

  it('refuses a name twice and data that do not fill the shape', () => {
    const codeOf = (action: () => unknown) => {
      try {
        action();
      } catch (error) {
        if (error instanceof TensorError) return error.fullCode;
      }
      return null;
    };
    expect(
      codeOf(() =>
        namedTensors([
          ['a', vector(1)],
          ['a', vector(2)],
        ]),
      ),
    ).toBe('tensors.name_invalid');
    expect(codeOf(() => namedTensors([['a', { shape: [2, 2], data: new Float32Array(3) }]]))).toBe(
      'tensors.size_mismatch',
    );
    expect(codeOf(() => namedTensors([['a', { shape: [], data: new Float32Array(1) }]]))).toBeNull();
  });
});

describe('tensorMismatch', () => {
  const expected = [
    { name: 'bias', shape: [1] },
    { name: 'weight', shape: [3, 1] },
  ];
  const tensors = (...entries: [string, number[]][]) =>
    namedTensors(
      entries.map(([name, shape]) => [
        name,
        { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) },
      ]),
    );

  it('is null for the same names and shapes', () => {
    expect(tensorMismatch(expected, tensors(['weight', [3, 1]], ['bias', [1]]))).toBeNull();
    expect(tensorMismatch(expected, [...expected].reverse())).toBeNull();
    expect(tensorMismatch([], tensors())).toBeNull();
  });

  it('names what is missing and what is unknown', () => {
    expect(tensorMismatch(expected, tensors(['bias', [1]], ['wieght', [3, 1]]))).toEqual({
      code: 'wrong_tensors',
      message: `the tensors are not the model's: missing "weight"; unknown "wieght"`,
    });
  });

  it('tells equal sizes of another shape apart', () => {
    expect(tensorMismatch(expected, tensors(['bias', [1]], ['weight', [1, 3]]))).toEqual({
      code: 'wrong_shape',
      message: 'tensor weight: shape must be [3, 1], found [1, 3]',
    });
    expect(tensorMismatch(expected, tensors(['bias', []], ['weight', [3, 1]]))?.code).toBe('wrong_shape');
  });

  it('keeps the message short however many names are sent', () => {
    const many = Array.from({ length: 1000 }, (_, index): [string, number[]] => [`x${index}`.repeat(50), [0]]);
    expect(tensorMismatch(expected, tensors(...many))?.message.length).toBeLessThan(700);
  });
});

describe('firstNotFinite', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('finds %s and says where', (bad) => {
    expect(
      firstNotFinite(
        namedTensors([
          ['a', vector(1, 2)],
          ['b', vector(0, 3, bad, bad)],
        ]),
      ),
    ).toEqual({
      name: 'b',
      index: 2,
    });
  });

  it('passes the largest and smallest float32', () => {
    expect(firstNotFinite(namedTensors([['a', vector(3.4028234663852886e38, 1e-45, -0)]]))).toBeNull();
  });
});

describe('l2Norm', () => {
  it('is the root of the sum of squares over all tensors', () => {
    // sqrt(2² + 3² + 6²) = 7
    expect(
      l2Norm(
        namedTensors([
          ['a', vector(2, 3)],
          ['b', vector(-6)],
        ]),
      ),
    ).toBe(7);
    expect(l2Norm(namedTensors([]))).toBe(0);
  });

  it('sums in float64: neither overflows float32 nor loses small values', () => {
    // sqrt(2) · float32(3e38): python3 -c "import struct,math; print(math.sqrt(2)*struct.unpack('f',struct.pack('f',3e38))[0])"
    expect(l2Norm(namedTensors([['a', vector(3e38, 3e38)]]))).toBeCloseTo(4.242640694894286e38, -25);
    // 2^24 ones after 2^12: in float32 the ones would vanish one by one. python3 -c "import math; print(math.sqrt(2**25))"
    const ones = { shape: [2 ** 24], data: new Float32Array(2 ** 24).fill(1) };
    expect(
      l2Norm(
        namedTensors([
          ['a', vector(4096)],
          ['b', ones],
        ]),
      ),
    ).toBe(5792.618751480198);
  });

  it('is not finite when a value is not', () => {
    expect(l2Norm(namedTensors([['a', vector(1, Number.NaN)]]))).toBeNaN();
  });
});
