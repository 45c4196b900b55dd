import { describe, expect, it } from 'vitest';
import { judgementSchema } from '../../../shared/plan/judgement-schema.ts';
import { preprocessingSchema } from '../../../shared/plan/preprocessing-schema.ts';
import { decide } from '../../../site-agent/judging/decide.ts';
import { columnShift, goodEvidence, goodPackage, policyOf } from '../../support/evidence.ts';
import { consortiumReference, smallPlan } from '../../support/judging.ts';

const evidence = goodEvidence({ held: { since: '2024-01-01T00:00:00.000Z', judgedAt: '2024-02-01T00:00:00.000Z' } });
const good = { decision: decide(policyOf(), goodPackage(), evidence), package: goodPackage(), evidence };

/** The judgement with one value, named by its path, replaced; undefined removes it. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(good) as unknown as Record<string | number, unknown>;
  let place = copy;
  for (const key of path.slice(0, -1)) place = place[key] as Record<string | number, unknown>;
  const last = path[path.length - 1] as string | number;
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

describe('what a coordinator takes as a judgement', () => {
  it('is what the gate makes', () => {
    expect(judgementSchema.parse(JSON.parse(JSON.stringify(good)))).toEqual(good);
  });

  it.each([
    ['an unknown key', ['evidence', 'rowsOfPatients'], [1, 2, 3]],
    ['an unknown key deep inside', ['evidence', 'auroc', 'new', 'scores'], [0.1]],
    ['a missing key', ['evidence', 'brier'], undefined],
    ['NaN', ['evidence', 'auroc', 'new', 'value'], Number.NaN],
    ['infinity', ['evidence', 'difference', 'twoSidedUpper'], Number.POSITIVE_INFINITY],
    ['a figure as text', ['evidence', 'rows'], '400'],
    ['a negative count', ['evidence', 'events'], -1],
    ['half a row', ['evidence', 'rows'], 0.5],
    ['a share above 1', ['evidence', 'prevalence', 'consortium'], 1.5],
    ['a digest that is none', ['decision', 'evidence'], 'abc'],
    ['another decision', ['decision', 'decision'], 'maybe'],
    ['another reason', ['decision', 'reasons', 0, 'code'], 'because'],
    ['no reason', ['decision', 'reasons'], []],
    ['a text without end', ['decision', 'reasons', 0, 'text'], 'x'.repeat(1001)],
    ['a date that is none', ['evidence', 'judgedFrom'], 'yesterday'],
    ['another site name', ['evidence', 'site'], 'North Hospital'],
    ['a reason for exclusion in free text', ['evidence', 'excluded', 'Mr. Smith'], 1],
    ['too many columns', ['evidence', 'shift'], new Array(4003).fill(columnShift({}))],
  ] as const)('is refused with %s', (_, path, value) => {
    expect(judgementSchema.safeParse(changed(path, value)).success).toBe(false);
  });
});

describe('preprocessing on receipt', () => {
  const reference = consortiumReference(smallPlan());
  it('is what the coordinator makes, and nothing else', () => {
    expect(preprocessingSchema.parse(JSON.parse(JSON.stringify(reference)))).toEqual(reference);
    const [first, ...others] = reference.columns;
    for (const column of [
      { ...first, scale: 0 },
      { ...first, mean: Number.NaN },
      { ...first, referenceCounts: [1.5, 2] },
      { ...first, rows: [1] },
    ]) {
      expect(preprocessingSchema.safeParse({ ...reference, columns: [column, ...others] }).success).toBe(false);
    }
  });
});
