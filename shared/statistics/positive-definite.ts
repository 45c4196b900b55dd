/** Pivots smaller than this share of the matrix's diagonal entry mean that the matrix is singular to rounding. */
const smallestPivot = 1e-13;

/**
 * Lower Cholesky factor of a symmetric matrix, both row-major [width, width] (G. H. Golub, C. F. Van Loan 2013, algorithm 4.2.2).
 * @returns null where the matrix is not positive definite to rounding.
 */
export function cholesky(matrix: Float64Array, width: number): Float64Array | null {
  const factor = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * width + j] as number;
      for (let k = 0; k < j; k++) sum -= (factor[i * width + k] as number) * (factor[j * width + k] as number);
      if (i === j) {
        if (!(sum > smallestPivot * (matrix[i * width + i] as number))) return null;
        factor[i * width + i] = Math.sqrt(sum);
      } else {
        factor[i * width + j] = sum / (factor[j * width + j] as number);
      }
    }
  }
  return factor;
}

/** Solution x of L Lᵀ x = right for a lower factor L [width, width]. */
export function solveFromCholesky(factor: Float64Array, width: number, right: ArrayLike<number>): Float64Array {
  const x = Float64Array.from({ length: width }, (_, index) => right[index] as number);
  for (let i = 0; i < width; i++) {
    let sum = x[i] as number;
    for (let k = 0; k < i; k++) sum -= (factor[i * width + k] as number) * (x[k] as number);
    x[i] = sum / (factor[i * width + i] as number);
  }
  for (let i = width - 1; i >= 0; i--) {
    let sum = x[i] as number;
    for (let k = i + 1; k < width; k++) sum -= (factor[k * width + i] as number) * (x[k] as number);
    x[i] = sum / (factor[i * width + i] as number);
  }
  return x;
}

/** Inverse of L Lᵀ, as rows. */
export function invertFromCholesky(factor: Float64Array, width: number): number[][] {
  const columns = Array.from({ length: width }, (_, column) => {
    const unit = new Float64Array(width);
    unit[column] = 1;
    return Array.from(solveFromCholesky(factor, width, unit));
  });
  // Rounding may leave the two halves a digit apart.
  return columns.map((row, i) => row.map((value, j) => (value + (columns[j]?.[i] as number)) / 2));
}
