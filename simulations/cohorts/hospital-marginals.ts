/** A continuous column in one group: mean and population standard deviation of the values present; null where the group has none. */
export interface ContinuousMarginal {
  readonly mean: number | null;
  readonly sd: number | null;
  /** ST depression is 0 in many patients: the share of zeros; mean and sd are then of the others. */
  readonly zeroShare?: number;
}

/** Figures of the patients of one hospital with or without disease. */
export interface OutcomeMarginals {
  readonly rows: number;
  readonly age: ContinuousMarginal;
  readonly sex: readonly number[];
  readonly cp: readonly number[];
  readonly trestbps: ContinuousMarginal;
  readonly chol: ContinuousMarginal;
  readonly fbs: readonly number[];
  readonly restecg: readonly number[];
  readonly thalach: ContinuousMarginal;
  readonly exang: readonly number[];
  readonly oldpeak: ContinuousMarginal;
}

export interface HospitalMarginals {
  readonly rows: number;
  /** Share of patients without a value, by column. */
  readonly missing: Readonly<Record<string, number>>;
  readonly healthy: OutcomeMarginals;
  readonly diseased: OutcomeMarginals;
}
