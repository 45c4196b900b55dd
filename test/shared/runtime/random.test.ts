import { describe, expect, it } from 'vitest';
import { deriveSeed, permutation, randomStream, xoshiro128StarStar } from '../../../shared/runtime/random.ts';

describe('xoshiro128**', () => {
  it('gives the published sequence', () => {
    // The test vector of the Rust crate rand_xoshiro (src/xoshiro128starstar.rs), made by its authors
    // "with the reference implementation" http://xoshiro.di.unimi.it/xoshiro128starstar.c, state 1, 2, 3, 4.
    const next = xoshiro128StarStar([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, next)).toEqual([
      11_520, 0, 5_927_040, 70_819_200, 2_031_721_883, 1_637_235_492, 1_287_239_034, 3_734_860_849, 3_729_100_597,
      4_258_142_804,
    ]);
  });
});

describe('randomStream', () => {
  // python3 - <<'PY'
  // import hashlib, json, struct
  // M = 0xffffffff
  // rotl = lambda x, k: ((x << k) | (x >> (32 - k))) & M
  // def stream(*key):
  //     s = list(struct.unpack('<4I', hashlib.sha256(json.dumps(['stream', *key], separators=(',', ':')).encode()).digest()[:16]))
  //     s[3] |= 1
  //     while True:
  //         r = rotl(s[1] * 5 & M, 7) * 9 & M
  //         t = s[1] << 9 & M
  //         s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t; s[3] = rotl(s[3], 11)
  //         yield r
  // g = stream(7, 'epoch', 2); print([next(g) for _ in range(4)])
  // g = stream(7, 'epoch', 2); print([((next(g) >> 5) * 67108864 + (next(g) >> 6)) / 2**53 for _ in range(2)])
  // print(struct.unpack('<I', hashlib.sha256(b'[7,"batches",3,"cleveland"]').digest()[:4])[0])
  // PY
  it('is the same on every machine', () => {
    const stream = randomStream(7, 'epoch', 2);
    expect([stream.bits(), stream.bits(), stream.bits(), stream.bits()]).toEqual([
      4108300117, 2290007143, 2127747751, 3364259771,
    ]);
    const uniform = randomStream(7, 'epoch', 2);
    expect([uniform.uniform(), uniform.uniform()]).toEqual([0.9565381596474635, 0.4954048826046493]);
    expect(deriveSeed(7, 'batches', 3, 'cleveland')).toBe(1555257873);
  });

  it('gives unrelated streams for purposes that look alike', () => {
    const first = (...purpose: (string | number)[]) => randomStream(1, ...purpose).bits();
    const draws = [first('ab'), first('a', 'b'), first('a', 1), first('a', '1'), first('a'), first(1), first('1')];
    expect(new Set(draws).size).toBe(draws.length);
    expect(deriveSeed(1, 2, 3)).not.toBe(deriveSeed(1, 23));
    expect(deriveSeed(1, 'a')).not.toBe(randomStream(1, 'a').bits());
  });

  it('is uniform: chi-square over 64 cells', () => {
    const stream = randomStream(11, 'uniformity');
    const cells = new Float64Array(64);
    const draws = 64_000;
    for (let draw = 0; draw < draws; draw++) {
      const cell = Math.floor(stream.uniform() * 64);
      cells[cell] = (cells[cell] as number) + 1;
    }
    const statistic = cells.reduce((sum, count) => sum + (count - draws / 64) ** 2 / (draws / 64), 0);
    // R: qchisq(c(0.0005, 0.9995), 63) gives 31.3 and 106.6 (rounded outwards); the seed is fixed, so it never flickers.
    expect(statistic).toBeGreaterThan(31);
    expect(statistic).toBeLessThan(107);
  });

  it('draws normals with the moments and tails of the standard normal', () => {
    const stream = randomStream(3, 'normal');
    const draws = 100_000;
    let sum = 0;
    let squares = 0;
    let fourth = 0;
    let beyond = 0;
    for (let draw = 0; draw < draws; draw++) {
      const value = stream.normal();
      sum += value;
      squares += value ** 2;
      fourth += value ** 4;
      if (Math.abs(value) > 1.959963984540054) beyond++;
    }
    // Four standard errors: 1/sqrt(n), sqrt(2/n), sqrt(96/n), sqrt(0.05 · 0.95 / n).
    expect(Math.abs(sum / draws)).toBeLessThan(4 / Math.sqrt(draws));
    expect(Math.abs(squares / draws - 1)).toBeLessThan(4 * Math.sqrt(2 / draws));
    expect(Math.abs(fourth / draws - 3)).toBeLessThan(4 * Math.sqrt(96 / draws));
    expect(Math.abs(beyond / draws - 0.05)).toBeLessThan(4 * Math.sqrt(0.0475 / draws));
  });

  it('draws integers without modulo bias, also below 2^32', () => {
    const stream = randomStream(5, 'integer');
    // Below 3 · 2^30, a modulo of 32 bits would put half of all draws into the first third.
    const below = 3 * 2 ** 30;
    let firstThird = 0;
    for (let draw = 0; draw < 30_000; draw++) if (stream.integer(below) < 2 ** 30) firstThird++;
    expect(Math.abs(firstThird / 30_000 - 1 / 3)).toBeLessThan(4 * Math.sqrt(2 / 9 / 30_000));
    expect(stream.integer(1)).toBe(0);
    expect(stream.integer(2 ** 32)).toBeLessThan(2 ** 32);
  });

  it('refuses bounds it could not draw below', () => {
    const stream = randomStream(1);
    for (const below of [0, -1, 1.5, Number.NaN, 2 ** 32 + 1]) expect(() => stream.integer(below)).toThrow(RangeError);
  });
});

describe('permutation', () => {
  it('holds each index once and reaches every order equally often', () => {
    const counts = new Map<string, number>();
    for (let draw = 0; draw < 24_000; draw++) {
      const order = permutation(4, randomStream(draw, 'order')).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    for (const order of counts.keys()) expect([...order].sort().join('')).toBe('0123');
    const statistic = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // R: qchisq(0.9995, 23) is 51.0
    expect(statistic).toBeLessThan(51);
  });

  it('is empty for no rows and the same for the same stream', () => {
    expect([...permutation(0, randomStream(1))]).toEqual([]);
    expect(permutation(100, randomStream(1, 'x'))).toEqual(permutation(100, randomStream(1, 'x')));
  });
});
