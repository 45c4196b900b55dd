import { StatisticsError } from './statistics-error.ts';

interface Test {
  readonly p: number;
  readonly index: number;
}

/** The tests made, by ascending p; null is no test. */
function ascending(pValues: ArrayLike<number | null>, name: string): Test[] {
  const tests = Array.from(pValues).flatMap((p, index) => {
    if (p === null) return [];
    if (!(p >= 0 && p <= 1)) throw new StatisticsError('out_of_range', `${name}: p[${index}] is ${p}`);
    return [{ p, index }];
  });
  return tests.sort((a, b) => a.p - b.p);
}

/**
 * Benjamini-Hochberg adjusted p values, in the order given; null stays null and does not count as a test.
 * Y. Benjamini, Y. Hochberg (1995), JRSS B 57:289: over ascending p(i), adjusted p(i) = min over j >= i of p(j)·m/j, at most 1.
 * Those at or below q are a choice of which at most a share q is false on average.
 */
export function benjaminiHochberg(pValues: ArrayLike<number | null>): (number | null)[] {
  const tests = ascending(pValues, 'benjaminiHochberg');
  const adjusted = Array.from(pValues, (): number | null => null);
  let smallest = 1;
  for (let place = tests.length - 1; place >= 0; place--) {
    const { p, index } = tests[place] as Test;
    smallest = Math.min(smallest, (p * tests.length) / (place + 1));
    adjusted[index] = smallest;
  }
  return adjusted;
}

/**
 * Holm adjusted p values, in the order given; null stays null and does not count as a test.
 * S. Holm (1979), Scandinavian Journal of Statistics 6:65: over ascending p(i), adjusted p(i) = max over j <= i of (m - j + 1)·p(j), at most 1.
 * Those at or below alpha hold none falsely with probability 1 - alpha, however the tests depend on each other.
 */
export function holm(pValues: ArrayLike<number | null>): (number | null)[] {
  const tests = ascending(pValues, 'holm');
  const adjusted = Array.from(pValues, (): number | null => null);
  let largest = 0;
  for (const [place, { p, index }] of tests.entries()) {
    largest = Math.max(largest, Math.min(1, (tests.length - place) * p));
    adjusted[index] = largest;
  }
  return adjusted;
}
