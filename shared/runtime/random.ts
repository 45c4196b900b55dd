import { createHash } from 'node:crypto';

/** A reproducible stream of random numbers (xoshiro128**, Blackman and Vigna 2021). Never for keys, masks or privacy noise. */
export interface RandomStream {
  /** Uniform on [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal, by the polar method (Marsaglia and Bray 1964). */
  normal(): number;
  /** Uniform integer on [0, below), without modulo bias. `below` is at most 2^32. */
  integer(below: number): number;
  /** 32 random bits. */
  bits(): number;
}

/** Derives a 32-bit seed for one purpose: equal arguments give equal seeds, any difference gives an unrelated one. */
export function deriveSeed(seed: number, ...purpose: readonly (string | number)[]): number {
  const hash = createHash('sha256')
    .update(JSON.stringify([seed, ...purpose]))
    .digest();
  return hash.readUInt32LE(0);
}

/**
 * The generator itself: 32 random bits a call from a state of four 32-bit words, not all zero.
 * xoshiro128** 1.1, Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021.
 */
export function xoshiro128StarStar(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
}

/** A stream for one purpose: seed, then words and numbers that name it, such as `('weights')` or `('batches', round, site)`. */
export function randomStream(seed: number, ...purpose: readonly (string | number)[]): RandomStream {
  const hash = createHash('sha256')
    .update(JSON.stringify(['stream', seed, ...purpose]))
    .digest();
  // The lowest bit of the last word is set: a state of zeros would stay there.
  const bits = xoshiro128StarStar([
    hash.readUInt32LE(0),
    hash.readUInt32LE(4),
    hash.readUInt32LE(8),
    hash.readUInt32LE(12) | 1,
  ]);
  let spare: number | undefined;

  const uniform = (): number => ((bits() >>> 5) * 67_108_864 + (bits() >>> 6)) / 9_007_199_254_740_992;

  return {
    bits,
    uniform,
    integer(below) {
      if (!Number.isInteger(below) || below < 1 || below > 4_294_967_296) {
        throw new RangeError(`integer: below must be a whole number from 1 to 2^32, found ${below}`);
      }
      const limit = 4_294_967_296 - (4_294_967_296 % below);
      for (;;) {
        const draw = bits();
        if (draw < limit) return draw % below;
      }
    },
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      for (;;) {
        const x = 2 * uniform() - 1;
        const y = 2 * uniform() - 1;
        const square = x * x + y * y;
        if (square === 0 || square >= 1) continue;
        const factor = Math.sqrt((-2 * Math.log(square)) / square);
        spare = y * factor;
        return x * factor;
      }
    },
  };
}

/** Fisher-Yates permutation of 0 .. length - 1. */
export function permutation(length: number, stream: RandomStream): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const pick = stream.integer(last + 1);
    const held = order[last] as number;
    order[last] = order[pick] as number;
    order[pick] = held;
  }
  return order;
}
