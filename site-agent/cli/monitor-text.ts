import type { ModelState, MonitorSignal, SignalLevel } from '../../shared/plan/notice.ts';

/** What each signal watches, in one sentence. */
export const signalMeanings: Readonly<Record<MonitorSignal, string>> = {
  performance:
    'Evidence that squared errors are larger than when the model was accepted, and larger than those of the version before.',
  calibration: 'Charts of outcomes against predicted risks, tuned to find odds that rose or fell.',
  window: 'Events observed against events expected in the last full window of patients, in standard errors.',
  unlabelled:
    'Performance to be expected of patients whose outcome is not known yet, if outcomes follow risks as before.',
  inputs:
    'How far the distribution of each column, or its share of missing values, lies from the patients who judged the model.',
  prior: 'Share of events the predictions speak for, over the share when the model was accepted.',
  subgroup: "The same tests of error and of windows in each of the plan's groups.",
  pipe: 'Whether rows come as they used to: how many a day, how late, in which units, from which query.',
  time: 'Days since the model was last validated here.',
};

/** What a level asks for. */
export const levelMeanings: Readonly<Record<SignalLevel, string>> = {
  quiet: 'as it was accepted',
  warn: 'worth a look',
  revalidate: 'the model is judged anew',
  harm: 'harm is shown: the model leaves',
};

export const stateMeanings: Readonly<Record<ModelState, string>> = {
  shadow: 'scores beside the model in use; nobody acts on it',
  active: 'in use, and every signal is quiet',
  watched: 'in use, and a signal warns',
  revalidating: 'in use, and a trigger has asked for a new judgement',
  rolled_back: 'out of use; the version before it is in use again',
  withdrawn: 'out of use, and no version took its place',
};

/** Reasons a figure is not there. */
const reasons: Readonly<Record<string, string>> = {
  no_outcomes: 'no outcome has come yet',
  no_window_closed: 'no window is full yet',
  no_rows: 'no window is full yet',
  too_few_events: 'too few events among the patients who judged the model',
  outside_support: 'patients are unlike any who judged the model',
  learning: 'not known yet how it usually is',
  reference_too_short: 'fewer than four weeks of patients judged the model',
  no_times: 'rows have no times',
  not_identifiable: 'the predictions do not tell the outcomes apart',
  not_label_shift: 'no share of events explains the predictions: the patients changed',
  not_testable: 'nothing to compare',
};

export function reasonText(reason: string | undefined): string {
  return reason === undefined ? '' : (reasons[reason] ?? reason.replaceAll('_', ' '));
}
