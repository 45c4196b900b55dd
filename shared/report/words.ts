import type { DecisionKind, GapEvidence, LadderStep, ShiftKind, ShiftReading } from '../plan/judgement.ts';

/** Why a figure is not there, in words. A code this version does not know is shown as it is. */
const undefinedWords: Readonly<Record<string, string>> = {
  no_rows: 'there are no patients to compute it from',
  too_few_rows: 'there are too few patients',
  single_class: 'all patients have the same outcome',
  constant_scores: 'the model gives every patient the same risk',
  too_few_for_interval: 'there are too few patients with or without the event for an interval',
  zero_variance: 'the figure does not vary, so it has no interval',
  perfect_separation: 'the model tells all patients apart, so there is no interval',
  separation: 'the model tells all patients apart, so the fit has no end',
  not_converged: 'the fit did not come to an end',
  single_bin: 'all values lie in one bin',
  class_absent: 'one class is absent',
  infinite_loss: 'a patient whose outcome the model calls impossible makes it infinite',
  none_called_positive: 'no patient lies above the threshold',
  none_called_negative: 'no patient lies below the threshold',
  no_events_called: 'no patient with the event lies above the threshold',
  no_current_model: 'no model is in use here to compare with',
  no_threshold: 'the policy sets no operating threshold',
  no_reference: 'there is no reference to compare with',
  no_reference_sd: 'the reference does not vary',
  not_identifiable: 'the classes cannot be told apart well enough',
  slope_not_positive: 'the order of risks is not kept',
  nothing_expected: 'the model expects no event',
  constant: 'the column does not vary',
  constant_columns: 'no column varies',
  poor_overlap: 'the two groups of patients overlap too little',
  overlap_poor: 'the two groups of patients overlap too little',
  effective_size: 'too few patients of the two groups are alike',
  domain_probabilities_miscalibrated: 'which group a patient is of cannot be told truly enough',
  outside_support: 'these patients are unlike those it was calibrated on',
  statistic_undefined: 'the test statistic is undefined',
  no_outcomes: 'there are no outcomes yet',
  no_interval: 'this figure has none',
  no_reference_model: 'no locally trained model could be made to compare with',
  no_probability: 'the model gives no probability',
  no_gap: 'there is no gap to close',
  gap_not_shown: 'it is not shown that there is a gap to close',
  no_error: 'there is no error to divide',
  no_weights: 'the weights of the release are not there',
  margin_out_of_reach: 'no number of patients would resolve the margin',
  prevalence_unknown: 'the share of events in training is not known',
  not_fitted: 'it could not be fitted',
  not_allowed: 'the policy does not allow it',
  not_testable: 'it cannot be tested',
  model_too_large: 'the hospital gives it less memory than the model takes',
  model_too_slow: 'the model has more to compute for a row than it may',
  plan_too_large: 'training takes more memory than the hospital gives it, or has more to compute than it may',
  single_layer: 'the model has one layer alone',
  too_few_events: 'there are too few events',
  too_few_sites: 'there are too few hospitals',
  no_sites: 'there are no hospitals',
  too_many_columns: 'there are too many columns',
  unbounded: 'it has no bound',
  withheld: 'the hospital keeps it: too few patients',
  not_label_shift: 'the change is not one of the share of events alone',
};

export function undefinedText(reason: string | null | undefined): string {
  if (reason === null || reason === undefined) return 'not known';
  return undefinedWords[reason] ?? reason.replaceAll('_', ' ');
}

const exclusionWords: Readonly<Record<string, string>> = {
  before_cutoff: 'before the training cut-off of a version compared',
  label_missing: 'outcome not there',
  time_unknown: 'no time of prediction',
  future_dated: 'time of prediction lies in the future',
  window_open: 'outcome window not closed yet',
  problem: 'row does not fit the data contract',
  trained_patient: 'an earlier outcome of this patient may have trained a version',
  repeat_patient: 'another row of a patient who is judged already',
  not_in_holdout: 'not in the declared holdout',
  score_undefined: 'a model compared gives no risk',
};

export function exclusionText(code: string): string {
  return exclusionWords[code] ?? code.replaceAll('_', ' ');
}

export const stepWords: Readonly<Record<LadderStep, string>> = {
  none: 'as released',
  intercept: 'new intercept',
  prior: 'adjusted to the share of events here',
  logistic: 'new intercept and slope',
  isotonic: 'isotonic recalibration',
  last_layer: 'last layer trained here',
  full: 'all layers trained on here',
};

export const shiftWords: Readonly<Record<ShiftKind, string>> = {
  distribution: 'distribution',
  missingness: 'missing values',
  unit: 'unit of measurement',
  coding: 'coding',
  constant: 'no longer varies',
  prevalence: 'frequency of the outcome',
  levels: 'a new level',
};

export const readingWords: Readonly<Record<ShiftReading, string>> = {
  none: 'no change found',
  covariate: 'other patients, same link between findings and outcome',
  label: 'another share of events, same findings within each outcome',
  concept: 'another link between findings and outcome',
  mixed: 'several changes at once',
};

export const againstWords: Readonly<Record<'consortium' | 'own-training' | GapEvidence['against'], string>> = {
  consortium: 'the consortium',
  'own-training': "this hospital's training rows",
};

/** One word a decision, as it stands at the head of a report. */
export const decisionWords: Readonly<Record<DecisionKind, string>> = {
  accept: 'Accepted',
  hold: 'On hold',
  reject: 'Rejected',
};
