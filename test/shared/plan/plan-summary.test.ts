import { expect, it } from 'vitest';
import { planSummary } from '../../../shared/plan/plan-summary.ts';
import { broughtPlan, exportedFile, series } from '../../support/brought-plans.ts';
import { modelPlan, smallModels } from '../../support/model-plans.ts';

const digest = '0'.repeat(64);

it('says of a brought network which of the columns it leaves unread', () => {
  const { plan } = broughtPlan(exportedFile('gru'), { payload: series });
  expect(planSummary(plan, digest)).toMatch(
    /^reads +payload \[12, 5\]: series of 12 steps of 60 minutes: channel_0 \(u\), .*; never age, sex=male, /m,
  );
});

it('names nothing unread where columns and payload are read', () => {
  const text = planSummary(modelPlan(smallModels.gru), digest);
  expect(text).toMatch(/^reads +features \[\d+\]: .*; payload \[7, 2\]: series of 7 steps/m);
  expect(text).not.toContain('never');
});
