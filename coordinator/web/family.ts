import type { Estimate } from '../../shared/plan/judgement.ts';
import { type RandomEffects, randomEffects, type SiteEstimate } from '../../shared/statistics/random-effects.ts';

export type FamilyScale = 'identity' | 'logit' | 'log';

/** A figure of every hospital, pooled, with where a further hospital's own is expected. */
export interface Family {
  readonly figure: 'auroc' | 'slope' | 'observedExpected';
  readonly scale: FamilyScale;
  readonly sites: readonly {
    readonly site: string;
    readonly estimate: Estimate;
    /** Weight in the mean; null where the figure is not among those pooled. */
    readonly weight: number | null;
    /**
     * Whether the figure lies outside where the other hospitals let it be expected: their prediction interval, widened by its own
     * standard error. Null with fewer than three others.
     */
    readonly outOfFamily: boolean | null;
  }[];
  /** Of the pooled hospitals. */
  readonly mean: Estimate;
  /** 95% interval for the true value at a further hospital. */
  readonly prediction: RandomEffects['prediction'];
  readonly tau2: number | null;
  readonly iSquared: number | null;
  readonly heterogeneity: RandomEffects['heterogeneity'];
}

const method = { method: 'reml', knappHartung: true } as const;
const twoSidedZ = 1.959963984540054;

const onto: Readonly<Record<FamilyScale, (value: number) => number>> = {
  identity: (value) => value,
  logit: (value) => Math.log(value / (1 - value)),
  log: Math.log,
};

/** The figure as pooling takes it; null where it has no usable standard error on the scale. */
function pooledForm(estimate: Estimate, scale: FamilyScale): SiteEstimate | null {
  const { value, low, high } = estimate;
  if (value === null || low === null || high === null || !(high > low)) return null;
  if (scale === 'logit' && !(value > 0 && value < 1)) return null;
  if (scale === 'log' && !(value > 0 && low > 0)) return null;
  // O/E has its standard error on the logarithm; the others theirs beside them.
  const standardError =
    scale === 'log'
      ? (Math.log(high) - Math.log(low)) / (2 * twoSidedZ)
      : (estimate.standardError ?? (high - low) / (2 * twoSidedZ));
  return standardError > 0 ? { value, standardError } : null;
}

function isOutOfFamily(own: SiteEstimate, others: readonly SiteEstimate[], scale: FamilyScale): boolean | null {
  const family = randomEffects(others, { ...method, scale });
  const { low, high } = family.prediction;
  const centre = family.mean.value;
  if (low === null || high === null || centre === null || family.tau2 === null) return null;
  const map = onto[scale];
  const half = (map(high) - map(low)) / 2;
  const spread = family.tau2 + (family.mean.standardError ?? 0) ** 2;
  if (!(spread > 0)) return null;
  const ownError = scale === 'logit' ? own.standardError / (own.value * (1 - own.value)) : own.standardError;
  // The same quantile over the spread of the family and of the estimate itself.
  const widened = half * Math.sqrt((spread + ownError * ownError) / spread);
  return Math.abs(map(own.value) - map(centre)) > widened;
}

/**
 * Random-effects pooling of one figure over hospitals (REML, Knapp-Hartung, prediction interval of Higgins et al. 2009), and which
 * hospital is out of family, judged against the others alone so that it does not widen the interval it is judged by.
 */
export function familyOf(
  figure: Family['figure'],
  scale: FamilyScale,
  sites: readonly { readonly site: string; readonly estimate: Estimate }[],
): Family {
  const usable = sites.flatMap(({ site, estimate }) => {
    const form = pooledForm(estimate, scale);
    return form === null ? [] : [{ site, form }];
  });
  const pooled = randomEffects(
    usable.map(({ form }) => form),
    { ...method, scale },
  );
  return {
    figure,
    scale,
    sites: sites.map(({ site, estimate }) => {
      const place = usable.findIndex((one) => one.site === site);
      const own = usable[place]?.form;
      return {
        site,
        estimate,
        weight: pooled.weights[place] ?? null,
        outOfFamily:
          own === undefined
            ? null
            : isOutOfFamily(
                own,
                usable.filter((_, at) => at !== place).map(({ form }) => form),
                scale,
              ),
      };
    }),
    mean: pooled.mean,
    prediction: pooled.prediction,
    tau2: pooled.tau2,
    iSquared: pooled.iSquared,
    heterogeneity: pooled.heterogeneity,
  };
}
