import { StatisticsError } from './statistics-error.ts';

/**
 * Benjamini-Hochberg adjusted p values, in the order given; null stays null and does not count as a test.
 * Y. Benjamini, Y. Hochberg (1995), JRSS B 57:289: over ascending p(i), adjusted p(i) = min over j >= i of p(j)·m/j, at most 1.
 */
export function benjaminiHochberg(pValues: readonly (number | null)[]): (number | null)[] {
  const tests = pValues.flatMap((p, index) => {
    if (p === null) return [];
    if (!(p >= 0 && p <= 1)) throw new StatisticsError('out_of_range', `benjaminiHochberg: p[${index}] is ${p}`);
    return [{ p, index }];
  });
  tests.sort((a, b) => b.p - a.p);
  const adjusted = pValues.map((): number | null => null);
  let smallest = 1;
  for (const [place, { p, index }] of tests.entries()) {
    const rank = tests.length - place;
    smallest = Math.min(smallest, (p * tests.length) / rank);
    adjusted[index] = smallest;
  }
  return adjusted;
}

/**
 * Holm adjusted p values, in the order given; null stays null and does not count as a test.
 * S. Holm (1979), Scand. J. Statist. 6:65: over ascending p(i), adjusted p(i) = max over j <= i of min(1, (m - j + 1)·p(j)).
 */
export function holm(pValues: readonly (number | null)[]): (number | null)[] {
  const tests = pValues.flatMap((p, index) => {
    if (p === null) return [];
    if (!(p >= 0 && p <= 1)) throw new StatisticsError('out_of_range', `holm: p[${index}] is ${p}`);
    return [{ p, index }];
  });
  tests.sort((a, b) => a.p - b.p);
  const adjusted = pValues.map((): number | null => null);
  let largest = 0;
  for (const [place, { p, index }] of tests.entries()) {
    largest = Math.max(largest, Math.min(1, (tests.length - place) * p));
    adjusted[index] = largest;
  }
  return adjusted;
}
