import { describe, expect, it } from 'vitest';
import { canonicalDigest, canonicalJson } from '../../../shared/runtime/canonical.ts';

describe('canonicalJson', () => {
  it('is the form of RFC 8785, section 3.2.3 and appendix B', () => {
    // The example of section 3.2.2, with the output of section 3.2.3.
    const sample = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    ) as unknown;
    expect(canonicalJson(sample)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    // Rows of appendix B.
    expect(canonicalJson([-0, 5e-324, 1.7976931348623157e308, 9007199254740992, 1e21, 9.999999999999997e22])).toBe(
      '[0,5e-324,1.7976931348623157e+308,9007199254740992,1e+21,9.999999999999997e+22]',
    );
  });

  it('sorts by UTF-16 code unit, as section 3.2.3 shows', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'];
    const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
    expect(Object.keys(JSON.parse(text) as object).filter((key) => key !== '1')).toEqual(
      sorted.filter((key) => key !== '1'),
    );
    expect(text.startsWith('{"\\r":0,"1":0,')).toBe(true);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'refuses %s: unknown must be null',
    (bad) => {
      expect(() => canonicalJson({ figure: bad })).toThrow();
    },
  );

  it('refuses what JSON cannot hold at all', () => {
    expect(() => canonicalJson(undefined)).toThrow(TypeError);
  });
});

it('canonicalDigest is the SHA-256 of the UTF-8', () => {
  // printf '%s' '{"a":"é","b":0.1}' | sha256sum
  expect(canonicalDigest({ b: 0.1, a: 'é' })).toBe('2ae9551d76b314d19b05ee0ffdc0fd27c52da581281537f3e78a4e37a6ecf1de');
});
