// Abscissae and weights of Gauss and Legendre on [-1, 1], 16 points, the positive half: Abramowitz and Stegun table 25.4.
const points = [
  0.09501250983763744, 0.2816035507792589, 0.45801677765722737, 0.6178762444026438, 0.755404408355003,
  0.8656312023878318, 0.9445750230732326, 0.9894009349916499,
];
const weights = [
  0.1894506104550685, 0.18260341504492358, 0.16915651939500254, 0.14959598881657674, 0.12462897125553388,
  0.09515851168249279, 0.062253523938647894, 0.02715245941175409,
];

export interface Quadrature {
  /** Ascending. */
  readonly points: Float64Array;
  readonly weights: Float64Array;
}

/** Composite Gauss-Legendre rule: `panels` equal panels of 16 points between `low` and `high`. */
export function gaussLegendre(low: number, high: number, panels: number): Quadrature {
  const half = points.length;
  const result = { points: new Float64Array(2 * half * panels), weights: new Float64Array(2 * half * panels) };
  const radius = (high - low) / (2 * panels);
  for (let panel = 0; panel < panels; panel++) {
    const centre = low + (2 * panel + 1) * radius;
    for (let index = 0; index < half; index++) {
      const offset = radius * (points[index] as number);
      const weight = radius * (weights[index] as number);
      const left = panel * 2 * half + half - 1 - index;
      const right = panel * 2 * half + half + index;
      result.points[left] = centre - offset;
      result.points[right] = centre + offset;
      result.weights[left] = weight;
      result.weights[right] = weight;
    }
  }
  return result;
}
