import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../../shared/graph/encoding.ts';
import { networkSchema } from '../../../shared/plan/network.ts';
import { planSchema } from '../../../shared/plan/plan.ts';
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

it('names what travels', () => {
  const gru = modelPlan(smallModels.gru);
  const some = planSchema.parse({ ...gru, training: { ...gru.training, trainable: { names: ['last.*'] } } });
  expect(planSummary(some, digest)).toMatch(/^travels +last\.bias \[1\], last\.weight \[\d+, 1\]$/m);
  const many = planSummary(modelPlan(smallModels.transformer), digest);
  expect(many).toMatch(/^travels +block1\.\S+ \[.*\] and \d+ more tensors$/m);
});

it('says what a row and a round take', () => {
  // One Gemm of the plan's columns and a bias, the logistic model: as many multiply-adds as columns; 1,000 rows thrice that, an epoch.
  const plan = modelPlan(smallModels.logistic);
  const columns = encodedFeatures(plan).length;
  expect(planSummary(plan, digest)).toMatch(
    new RegExp(
      `^work +${columns} multiply-adds and \\d+ element operations a row; a local round, .* multiply-adds$`,
      'm',
    ),
  );
});

describe('words of a plan', () => {
  const { plan } = broughtPlan(exportedFile('gru'), { payload: series });
  const claim = 'size          0 parameters, of which 0 train (0 %); 0 bytes each way a round and site';
  const saying = (changes: string[], purpose = plan.purpose) =>
    planSchema.parse({
      ...plan,
      purpose,
      model: {
        ...plan.model,
        ...(plan.model.family === 'onnx' ? { network: { ...plan.model.network, changes } } : {}),
      },
    });

  it('make no line of their own, however wide the terminal is', () => {
    const hostile = [`x${' '.repeat(66)}${claim}`, `x\u2028${claim}`, `x${'\u2800'.repeat(60)}${claim}`];
    const summary = (width?: number) => planSummary(saying(hostile, `For\n${claim}\nof patients.`), digest, width);
    for (const width of [undefined, 40, 80, 100]) {
      const lines = summary(width).split('\n');
      expect(lines.filter((line) => line.startsWith('size'))).toHaveLength(1);
      for (const line of lines) if (width !== undefined) expect(line.length).toBeLessThanOrEqual(width);
      expect(lines.every((line) => line === '' || /^(?:[a-z][a-z ]{1,12} \S| {14}\S)/.test(line))).toBe(true);
    }
    expect(summary(40).replaceAll(/\s+/g, '')).toBe(summary().replaceAll(/\s+/g, ''));
  });

  it('hide nothing', () => {
    const text = planSummary(
      saying(['zero\u200bwidth', 'mark\u200e', `z${'\u0301'.repeat(40)}`, 'tag\u{e0041}']),
      digest,
    );
    expect(text).toContain('changed       zero\\u{200b}width\n');
    expect(text).toContain('changed       mark\\u{200e}\n');
    expect(text).toContain('changed       z\u0301\u0301\u0301…\n');
    expect(text).toContain('changed       tag\\u{e0041}\n');
  });

  it('are no names where two names could look alike', () => {
    const named = (name: string) =>
      networkSchema.safeParse({
        ...(plan.model.family === 'onnx' ? plan.model.network : {}),
        lastLayer: [name],
      }).success;
    expect(['weight', 'a b', '重み'].map(named)).toEqual([true, true, true]);
    expect(['we\u200bight', 'a  b', 'a\u00a0b', 'a\u2028b', 'a\ufeffb', 'a\u3164b'].map(named)).toEqual(
      Array.from({ length: 6 }, () => false),
    );
  });
});
