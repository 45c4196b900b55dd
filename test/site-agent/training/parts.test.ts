import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partOfValues, partSizes } from '../../../site-agent/training/parts.ts';

describe('parts of a batch', () => {
  it('are as few and as equal as can be', () => {
    expect(partSizes(10, 4)).toEqual([4, 4, 2]);
    expect(partSizes(1001, 300)).toEqual([251, 251, 251, 248]);
    expect(partSizes(5, 5)).toEqual([5]);
    expect(partSizes(5, 100)).toEqual([5]);
    expect(partSizes(3, 1)).toEqual([1, 1, 1]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 6000 }), (rows, most) => {
        const sizes = partSizes(rows, most);
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(rows);
        expect(Math.min(...sizes)).toBeGreaterThan(0);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
        expect(sizes.length).toBeLessThanOrEqual(Math.ceil(rows / most) + 1);
        expect(new Set(sizes.slice(0, -1)).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('take the values of their rows', () => {
    // Three rows of two values.
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect([...partOfValues(values, 3, 1, 2)]).toEqual([3, 4, 5, 6]);
    expect([...partOfValues(values, 3, 0, 1)]).toEqual([1, 2]);
  });
});
