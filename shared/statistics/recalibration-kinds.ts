/** A map from a model's probability to an updated one; numbers only, so that it can be written down, signed and applied anywhere. */
export type Recalibration =
  | { readonly kind: 'none' }
  /** logit p' = logit p + intercept. */
  | { readonly kind: 'intercept'; readonly intercept: number }
  /** Odds multiplied by the ratio of the two prevalences' odds. */
  | { readonly kind: 'prior'; readonly trainingPrevalence: number; readonly targetPrevalence: number }
  /** logit p' = intercept + slope · logit p. */
  | { readonly kind: 'logistic'; readonly intercept: number; readonly slope: number }
  /** logit p' = logit p / temperature. */
  | { readonly kind: 'temperature'; readonly temperature: number }
  /** Straight lines between (scores, values), both ascending; constant beyond the ends. */
  | { readonly kind: 'isotonic'; readonly scores: readonly number[]; readonly values: readonly number[] };

export type RecalibrationKind = Recalibration['kind'];

/** An update, or null and why there is none. */
export interface RecalibrationFit<K extends RecalibrationKind = RecalibrationKind> {
  readonly recalibration: Extract<Recalibration, { kind: K }> | null;
  /** `no_rows`, `single_class`, `constant_scores`, `separation`, `not_converged`, or `slope_not_positive`: the order of patients would turn. */
  readonly reason: string | null;
}
