import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { modelSizeText } from '../../../shared/graph/model-size.ts';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import { modelSchema } from '../../../shared/plan/model.ts';
import { planSchema } from '../../../shared/plan/plan.ts';
import { trainingSchema } from '../../../shared/plan/training.ts';
import { modelPlan, taskKinds } from '../../support/model-plans.ts';
import { heartPlan } from '../../support/plans.ts';

const page = readFileSync(new URL('../../../docs/models.md', import.meta.url), 'utf8');
const transformer = { family: 'transformer', width: 16, heads: 4, blocks: 2 };

it('docs/models.md lists every family with its settings', () => {
  const rows = [...page.matchAll(/^\| `([a-z]+)` \| [a-z, ]+ \| ([^|]+) \|/gm)].map(([, family, settings]) => [
    family,
    [...(settings ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name).sort(),
  ]);
  const written = new Set(['network', 'weights']);
  const expected = modelSchema.options.map((option) => [
    option.shape.family.value,
    Object.keys(option.shape)
      .filter((key) => key !== 'family' && !written.has(key))
      .sort(),
  ]);
  expect(Object.fromEntries(rows.filter(([family]) => expected.some(([name]) => name === family)))).toEqual(
    Object.fromEntries(expected),
  );
});

const trainings = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => parse(text ?? '').training);

it('docs/models.md has examples that a plan takes', () => {
  const models = [...page.matchAll(/^- `(\{ family: .*\})`$/gm)].map(([, text]) =>
    modelSchema.parse(parse(text ?? '')),
  );
  expect(new Set(models.map(({ family }) => family))).toEqual(
    new Set(
      modelSchema.options.map((option) => option.shape.family.value).filter((name) => !/logistic|cox/.test(name)),
    ),
  );
  const [whole] = trainings;
  expect(trainingSchema.parse(whole)).toMatchObject(whole);
});

it('docs/models.md has an outcome for every task, as a plan takes them', () => {
  const examples = [...page.matchAll(/^- `(task: \{.*?\})`, `(label: \{.*?\})`/gm)].map(([, task, label]) => ({
    ...parse(task ?? ''),
    ...parse(label ?? ''),
  }));
  expect(examples.map(({ task }) => task.kind)).toEqual([...taskKinds]);
  for (const { task, label } of examples) {
    const base = heartPlan();
    const model = { family: task.kind === 'survival' ? 'cox' : 'logistic' };
    const plan = planSchema.parse({ ...base, task, model, data: { ...base.data, label } });
    expect([task.kind, plan.data.label, planFindings(plan)]).toEqual([task.kind, label, []]);
  }
});

it('docs/models.md lists every key of training', () => {
  const section = /## How it trains\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  const rows = [...section.matchAll(/^\| (`[a-z].*?) \|/gim)].flatMap(([, cell]) => (cell ?? '').match(/\w+/g) ?? []);
  expect(rows.sort()).toEqual(Object.keys(trainingSchema.shape).sort());
});

it('docs/models.md gives choices of what trains that a plan takes, and the sizes they lead to', () => {
  const fragments = trainings.filter((training) => 'trainable' in training);
  expect(fragments).toHaveLength(3);
  const said = [...page.matchAll(/^\| (?:absent|`last-layer`|`lora` as above) \| (.*) \|$/gm)].map(([, text]) => text);
  const [whole, last, , adapters] = [{}, ...fragments].map((training) =>
    modelSizeText(modelPlan(transformer, 'binary', training)),
  );
  expect(said).toEqual([whole, last, adapters]);
});
