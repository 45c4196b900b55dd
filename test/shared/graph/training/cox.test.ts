import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../../shared/graph/graph.ts';
import { GraphBuilder } from '../../../../shared/graph/graph-builder.ts';
import { gradients } from '../../../../shared/graph/reverse-mode.ts';
import { coxComparedLosses, type Ties } from '../../../../shared/graph/training/losses/cox.ts';
import { coxSortedLosses } from '../../../../shared/graph/training/losses/cox-sorted.ts';
import { evaluateGraph, type Float64Tensor } from '../../../support/graph-evaluator.ts';

interface Row {
  readonly time: number;
  readonly event: number;
  readonly score: number;
}

const forms = ['compared', 'sorted'] as const;

/** Loss of each row and the gradient of their sum by each score, in float64. */
function evaluate(form: (typeof forms)[number], ties: Ties, rows: readonly Row[]) {
  const b = new GraphBuilder('cox');
  const [scores, time, event] = ['score', 'time', 'event'].map((name) => b.input(name, 'float', [rows.length])) as [
    Value,
    Value,
    Value,
  ];
  const losses =
    form === 'compared'
      ? coxComparedLosses(b, scores, time, event, ties)
      : coxSortedLosses(b, { scores, time, event, ties });
  b.output('losses', losses);
  b.output('gradient', gradients(b, b.sum(losses), [scores])[0] as Value);
  const fed = (name: keyof Row): Float64Tensor => ({
    shape: [rows.length],
    data: Float64Array.from(rows, (row) => row[name]),
  });
  const found = evaluateGraph(b.finish(), { score: fed('score'), time: fed('time'), event: fed('event') });
  return { losses: [...(found.losses as Float64Tensor).data], gradient: [...(found.gradient as Float64Tensor).data] };
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const byTime = (rows: readonly Row[]): Row[] => [...rows].sort((a, b) => a.time - b.time);

const row = fc.record({
  time: fc.integer({ min: 1, max: 5 }),
  event: fc.constantFrom(0, 1),
  score: fc.double({ min: -30, max: 30, noNaN: true }),
});
const batch = fc.array(row, { minLength: 2, maxLength: 12 }).map(byTime);
const ties = fc.constantFrom<Ties>('breslow', 'efron');
const runs = { numRuns: 25, seed: 3 };

describe('the partial likelihood', () => {
  it('is the same in both forms, row by row', () => {
    fc.assert(
      fc.property(batch, ties, (rows, how) => {
        const [one, other] = forms.map((form) => evaluate(form, how, rows)) as [
          ReturnType<typeof evaluate>,
          ReturnType<typeof evaluate>,
        ];
        for (const [index, loss] of one.losses.entries()) {
          expect(other.losses[index]).toBeCloseTo(loss, 8);
          expect(other.gradient[index]).toBeCloseTo(one.gradient[index] as number, 8);
        }
      }),
      runs,
    );
  });

  it.each(forms)('looks at differences of scores alone, %s', (form) => {
    fc.assert(
      fc.property(batch, ties, fc.double({ min: -500, max: 500, noNaN: true }), (rows, how, shift) => {
        const { losses, gradient } = evaluate(form, how, rows);
        const shifted = evaluate(
          form,
          how,
          rows.map((one) => ({ ...one, score: one.score + shift })),
        );
        expect(total(shifted.losses)).toBeCloseTo(total(losses), 8);
        // So all scores together have no slope.
        expect(total(gradient)).toBeCloseTo(0, 8);
      }),
      runs,
    );
  });

  it('does not depend on the order of rows, nor on how time is measured', () => {
    fc.assert(
      fc.property(batch, ties, fc.integer({ min: 0, max: 11 }), (rows, how, turn) => {
        const turned = [...rows.slice(turn), ...rows.slice(0, turn)].map((one) => ({ ...one, time: one.time ** 3 }));
        expect(total(evaluate('compared', how, turned).losses)).toBeCloseTo(
          total(evaluate('compared', how, rows).losses),
          8,
        );
      }),
      runs,
    );
  });

  it('of rows without ties is the same after Breslow and Efron, and of tied events larger after Breslow', () => {
    fc.assert(
      fc.property(batch, (rows) => {
        const apart = rows.map((one, index) => ({ ...one, time: index }));
        expect(total(evaluate('compared', 'efron', apart).losses)).toBeCloseTo(
          total(evaluate('compared', 'breslow', apart).losses),
          8,
        );
        expect(total(evaluate('compared', 'efron', rows).losses)).toBeLessThanOrEqual(
          total(evaluate('compared', 'breslow', rows).losses) + 1e-9,
        );
      }),
      runs,
    );
  });
});
