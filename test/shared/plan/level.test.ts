import { expect, it } from 'vitest';
import { normaliseLevel } from '../../../shared/plan/level.ts';

it.each([
  ['1', '1'],
  ['1.0', '1'],
  ['01', '1'],
  ['+1.', '1'],
  ['-0.0', '0'],
  ['000', '0'],
  ['-1.50', '-1.5'],
  [' male ', 'male'],
  ['1e3', '1e3'],
  ['1.2.3', '1.2.3'],
  ['1,0', '1,0'],
  ['', ''],
  // More digits than a float64 keeps apart: python3 -c "print(float('12345678901234567890') == float('12345678901234567891'))" is True
  ['12345678901234567891.0', '12345678901234567891'],
])('the level %j is compared as %j', (level, compared) => {
  expect(normaliseLevel(level)).toBe(compared);
});
