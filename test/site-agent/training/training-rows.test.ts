import { describe, expect, it } from 'vitest';
import { rowsDigest, validationSplit } from '../../../site-agent/training/training-rows.ts';
import { heartPlan } from '../../support/plans.ts';
import { drawnMatrix } from '../../support/training.ts';

describe('patients set aside to validate', () => {
  // Forty patients with one to three rows each.
  const keys = Array.from({ length: 40 }, (_, patient) =>
    new Array(1 + (patient % 3)).fill(`p${patient}`),
  ).flat() as string[];
  const rows = Uint32Array.from(keys, (_, row) => row);
  const patientsOf = (side: Uint32Array) => new Set([...side].map((row) => keys[row]));

  it('are the share asked for, never on both sides, and every row is on one', () => {
    const { training, validation } = validationSplit(keys, rows, 0.2, 7);
    expect(patientsOf(validation).size).toBe(8);
    expect(patientsOf(training).size).toBe(32);
    expect([...patientsOf(training)].filter((key) => patientsOf(validation).has(key))).toEqual([]);
    expect([...training, ...validation].sort((a, b) => a - b)).toEqual([...rows]);
  });

  it('do not depend on the order of the rows, and do on the seed', () => {
    const mirrored = keys.toReversed();
    const one = validationSplit(keys, rows, 0.2, 7).validation;
    const other = validationSplit(mirrored, rows, 0.2, 7).validation;
    expect(new Set([...other].map((row) => mirrored[row]))).toEqual(patientsOf(one));
    expect(patientsOf(validationSplit(keys, rows, 0.2, 8).validation)).not.toEqual(patientsOf(one));
  });

  it('leave somebody to train, and are none where there is one patient', () => {
    expect(validationSplit(['a', 'b'], Uint32Array.of(0, 1), 0.01, 1).validation).toHaveLength(1);
    expect(validationSplit(['a', 'b'], Uint32Array.of(0, 1), 0.5, 1).training).toHaveLength(1);
    expect(validationSplit(['a', 'a'], Uint32Array.of(0, 1), 0.5, 1).validation).toHaveLength(0);
  });
});

describe('the digest of rows', () => {
  it('tells any change of a value, a label or the rows to validate on', () => {
    const plan = heartPlan();
    const data = drawnMatrix(plan, 10);
    const same = rowsDigest({ data: drawnMatrix(plan, 10) });
    expect(rowsDigest({ data })).toBe(same);
    const values = data.values.slice();
    values[3] = (values[3] as number) + 1e-6;
    const labels = data.labels.map((label) => 1 - label);
    const others = [{ data: { ...data, values } }, { data: { ...data, labels } }, { data, validation: data }];
    for (const other of others) expect(rowsDigest(other)).not.toBe(same);
  });
});
