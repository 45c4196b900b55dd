import { expect, it } from 'vitest';
import { nearestWord, pathText, problemText, valueText } from '../../../shared/runtime/problem.ts';

it.each([
  [['data', 'columns', 3, 'unit'], 'data.columns[3].unit'],
  [[], ''],
  [[0, 'a'], '[0].a'],
  [['a b', 'c'], '"a b".c'],
  [['units', 'x"y'], 'units."x\\"y"'],
])('the path %j reads %s', (path, text) => {
  expect(pathText(path)).toBe(text);
});

it.each([
  ['weigthCap', 'weightCap'],
  ['weight_cap', 'weightCap'],
  ['WeightCap', 'weightCap'],
  ['round', 'rounds'],
  ['retrys', 'retries'],
  ['xyz', null],
  ['', null],
])('%j is nearest to %j', (word, nearest) => {
  expect(nearestWord(word, ['rounds', 'retries', 'weightCap', 'name', 'minimum'])).toBe(nearest);
});

it('shows values shortly', () => {
  expect(valueText(undefined)).toBe('nothing');
  expect(valueText(Number.NaN)).toBe('NaN');
  expect(valueText('a"b\n')).toBe('"a\\"b\\n"');
  expect(valueText('x'.repeat(500))).toHaveLength(80);
});

it('shows the place, or the origin, before the path', () => {
  const problem = {
    code: 'invalid_value',
    path: 'a.b',
    message: 'is wrong',
    position: { line: 3, column: 7 },
  } as const;
  expect(problemText('f.yaml', problem)).toBe('f.yaml:3:7: a.b: is wrong');
  expect(problemText('f.yaml', { ...problem, position: null, path: '' })).toBe('f.yaml: is wrong');
  expect(problemText('f.yaml', { ...problem, origin: 'variable X' })).toBe('variable X: a.b: is wrong');
});
