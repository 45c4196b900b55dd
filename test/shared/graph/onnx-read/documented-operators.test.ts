import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lowered } from '../../../../shared/graph/onnx-read/lowered.ts';
import { knownOperators } from '../../../../shared/graph/operators.ts';
import { differentiableOperators } from '../../../../shared/graph/vector-jacobian.ts';

const page = readFileSync(new URL('../../../../docs/bring-your-own.md', import.meta.url), 'utf8');
const namesAfter = (words: string): string[] => {
  const line = page.split('\n').find((one) => one.startsWith(words)) ?? '';
  return [...line.matchAll(/`([A-Za-z0-9]+)`/g)].map(([, name]) => name as string);
};
// Worked out when the file is read, or refused.
const never = new Set(['Constant', 'ConstantOfShape', 'Scan', 'Shape', 'Size']);

describe('docs/bring-your-own.md', () => {
  const differentiable = differentiableOperators();

  it('lists every operator with a derivative', () => {
    const own = ['GRU', 'LSTM', ...Object.keys(lowered)];
    const expected = new Set([...differentiable.filter((name) => !never.has(name)), ...own]);
    expect(namesAfter('With a derivative:')).toEqual([...expected].sort());
  });

  it('lists the others that a network may have', () => {
    const others = knownOperators().filter((name) => !differentiable.includes(name) && !never.has(name));
    const without = ['Constant', 'ConstantOfShape', 'Shape', 'Size'];
    expect(namesAfter('Without one,')).toEqual([...others, ...without]);
  });
});
