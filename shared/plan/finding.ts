/** A contradiction between values that are each well formed. */
export interface Finding {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type Path = readonly (string | number)[];

export function orderedRange(range: readonly [number, number], path: Path): Finding[] {
  const [low, high] = range;
  return low < high ? [] : [{ path, message: `the first bound must be below the second, found [${low}, ${high}]` }];
}

/** Same text twice, reported at the second place. */
export function repeated(
  values: readonly string[],
  path: Path,
  what: string,
  options: { readonly key?: string; readonly formOf?: (value: string) => string } = {},
): Finding[] {
  const { key, formOf = (value: string) => value } = options;
  const seen = new Map<string, number>();
  const findings: Finding[] = [];
  values.forEach((value, index) => {
    const form = formOf(value);
    const first = seen.get(form);
    if (first === undefined) seen.set(form, index);
    else {
      findings.push({
        path: key === undefined ? [...path, index] : [...path, index, key],
        message: `${what} ${JSON.stringify(value)} is already number ${first + 1} of the list; each may stand once`,
      });
    }
  });
  return findings;
}
