import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadPlan, loadPolicy, parseCanonicalPlan } from '../../../shared/plan/load-plan.ts';
import { PlanError } from '../../../shared/plan/plan-error.ts';

const text = readFileSync(new URL('../../support/heart-plan.yaml', import.meta.url), 'utf8');
const original = JSON.parse(loadPlan(text, 'plan.yaml').canonical) as unknown;

/** Whether the action succeeds; anything it throws but PlanError fails the test. */
function accepted(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    expect(error.message.length).toBeGreaterThan(10);
    return false;
  }
}

type Path = readonly (string | number)[];

function paths(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [...(path.length > 0 ? [path] : []), ...inner.flatMap(([key, item]) => paths(item, [...path, key]))];
}

function withValue(root: unknown, path: Path, value: unknown): unknown {
  const copy = structuredClone(root);
  let target = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) target = target[key] as Record<string | number, unknown>;
  target[path.at(-1) as string | number] = value;
  return copy;
}

describe('whatever a plan file holds', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ':',
    '\n',
    ' ',
    '"',
    "'",
    '#',
    '&a ',
    '*a',
    '- ',
    '|',
    '>',
    '!!',
    '%',
    '? ',
    '\t',
    '\u0000',
    '0x',
    '.inf',
  ];

  it('damaged text ends in a plan or a PlanError', () => {
    const edit = fc.record({
      at: fc.nat({ max: text.length }),
      cut: fc.nat({ max: 20 }),
      put: fc.constantFrom('', ...pieces),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let damaged = text;
        for (const { at, cut, put } of edits) damaged = damaged.slice(0, at) + put + damaged.slice(at + cut);
        accepted(() => loadPlan(damaged, 'plan.yaml'));
      }),
      { numRuns: 150 },
    );
  });

  it('any value in any place ends in a plan or a PlanError, and an accepted one reads back as itself', () => {
    const anyValue = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(null, [], {}, -1, 0, 1e300, 1e-300, '', '0', 'a'.repeat(5000), '\u202e', '__proto__'),
    );
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(...paths(original)), anyValue, (path, value) => {
        const changed = JSON.stringify(withValue(original, path, value));
        const result = { canonical: '' };
        if (!accepted(() => Object.assign(result, loadPlan(changed, 'plan.json')))) return;
        taken++;
        const bytes = new TextEncoder().encode(result.canonical);
        expect(parseCanonicalPlan(bytes).canonical).toBe(result.canonical);
        expect(loadPlan(result.canonical, 'plan.json').canonical).toBe(result.canonical);
      }),
      { numRuns: 400 },
    );
    expect(taken).toBeGreaterThan(0);
  });

  it('any text at all ends in a PlanError', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (anything) => {
        expect(accepted(() => loadPlan(anything, 'plan.yaml'))).toBe(false);
        expect(accepted(() => loadPolicy(anything, 'policy.yaml'))).toBe(false);
      }),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(accepted(() => parseCanonicalPlan(bytes))).toBe(false);
      }),
      { numRuns: 150 },
    );
  });
});
