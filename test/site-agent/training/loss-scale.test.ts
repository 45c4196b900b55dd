import { describe, expect, it } from 'vitest';
import { afterOverflow, afterStep, firstScale, type LossScale } from '../../../site-agent/training/loss-scale.ts';

const later = (steps: number, from: LossScale): LossScale => {
  let scale = from;
  for (let step = 0; step < steps; step++) scale = afterStep(scale);
  return scale;
};

describe('the scale of the loss', () => {
  it('is doubled after 200 steps without overflow, up to 2^24', () => {
    expect(later(199, firstScale)).toEqual({ scale: 2 ** 15, streak: 199, halved: 0, thrown: 0 });
    expect(later(200, firstScale)).toEqual({ scale: 2 ** 16, streak: 0, halved: 0, thrown: 0 });
    expect(later(9 * 200, firstScale).scale).toBe(2 ** 24);
    expect(later(10 * 200, firstScale).scale).toBe(2 ** 24);
  });

  it('is halved by an overflow down to 1, below which there is none, and the streak begins anew', () => {
    let scale = later(7, firstScale);
    for (let halved = 1; halved <= 15; halved++) {
      scale = afterOverflow(scale, 3) as LossScale;
      expect(scale).toEqual({ scale: 2 ** (15 - halved), streak: 0, halved, thrown: 3 * halved });
    }
    expect(afterOverflow(scale, 1)).toBeNull();
    expect(later(200, scale)).toEqual({ scale: 2, streak: 0, halved: 15, thrown: 45 });
  });
});
