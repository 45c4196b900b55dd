/**
 * Federated averaging (McMahan et al. 2017, Communication-Efficient Learning of Deep Networks from Decentralized Data,
 * algorithm 1, last line, written with deltas): new = base + Σ wᵢ·δᵢ / Σ wᵢ.
 *
 * A streaming form over one stretch of the weights: `init`, then `apply` once a site in the order of site names, then `finish`.
 * All sums are float64 and rounded to float32 once, so the stretch length changes no bit; the order of sites is fixed by the
 * caller, so the order of arrival does not either.
 */
export interface FedAvgState {
  /** Σ wᵢ·δᵢ, [values]. */
  readonly sum: Float64Array;
  readonly totalWeight: number;
}

export function init(values: number): FedAvgState {
  return { sum: new Float64Array(values), totalWeight: 0 };
}

/**
 * Adds one site's stretch. `sum` is taken over from `state` and written in place; the old state must not be used again.
 * @param delta [values], finite
 * @param weight of the site, positive and finite
 * @throws RangeError when lengths differ or the weight is not positive
 */
export function apply(state: FedAvgState, delta: Float32Array, weight: number): FedAvgState {
  const { sum } = state;
  if (delta.length !== sum.length) throw new RangeError(`delta has ${delta.length} values, the state ${sum.length}`);
  if (!(weight > 0) || !Number.isFinite(weight)) throw new RangeError(`weight must be positive, not ${weight}`);
  for (let index = 0; index < sum.length; index++) {
    sum[index] = (sum[index] as number) + weight * (delta[index] as number);
  }
  return { sum, totalWeight: state.totalWeight + weight };
}

/**
 * @param base [values], the weights the deltas are relative to
 * @returns the new weights, float32
 * @throws RangeError when lengths differ or no site was applied
 */
export function finish(state: FedAvgState, base: Float32Array): Float32Array {
  const { sum, totalWeight } = state;
  if (base.length !== sum.length) throw new RangeError(`base has ${base.length} values, the state ${sum.length}`);
  if (!(totalWeight > 0)) throw new RangeError('no update was applied');
  const result = new Float32Array(sum.length);
  for (let index = 0; index < sum.length; index++) {
    result[index] = (base[index] as number) + (sum[index] as number) / totalWeight;
  }
  return result;
}
