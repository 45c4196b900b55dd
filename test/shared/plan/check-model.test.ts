import { describe, expect, it } from 'vitest';
import { modelFindings } from '../../../shared/plan/check-model.ts';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import { type Plan, planSchema } from '../../../shared/plan/plan.ts';
import { fits, modelKinds, modelPlan, smallModels, taskKinds } from '../../support/model-plans.ts';
import { heartPlan } from '../../support/plans.ts';

/** A plan with another model or training, not checked. */
function changed(
  plan: Plan,
  change: { readonly model?: object; readonly training?: object; readonly data?: object },
): Plan {
  return planSchema.parse({
    ...plan,
    model: change.model ?? plan.model,
    training: { ...plan.training, ...change.training },
    data: { ...plan.data, ...change.data },
  });
}

const tables = heartPlan();
const series = modelPlan(smallModels.gru);
const images = modelPlan(smallModels.cnn);

const refused: readonly (readonly [string, Plan, string, RegExp])[] = [
  [
    'gru without series',
    changed(tables, { model: smallModels.gru }),
    'model.family',
    /gru reads series, and data\.payload is not given/,
  ],
  [
    'tcn on images',
    changed(images, { model: smallModels.tcn }),
    'model.family',
    /tcn reads series, and data\.payload gives images; choose cnn or resnet/,
  ],
  ['cnn without images', changed(tables, { model: smallModels.cnn }), 'model.family', /cnn reads images/],
  [
    'resnet on series',
    changed(series, { model: smallModels.resnet }),
    'model.family',
    /choose tcn, gru or transformer/,
  ],
  ['an MLP beside series', changed(series, { model: smallModels.mlp }), 'model.family', /mlp reads columns only/],
  ['cox, binary', changed(tables, { model: { family: 'cox' } }), 'model.family', /task is binary; choose logistic/],
  [
    'logistic, survival',
    changed(modelPlan({ family: 'cox' }, 'survival'), { model: { family: 'logistic' } }),
    'model.family',
    /survival task is cox/,
  ],
  [
    'heads that do not divide',
    changed(series, { model: { family: 'transformer', width: 10, heads: 4, blocks: 1 } }),
    'model.heads',
    /width 10 must be a multiple of the 4 heads; the nearest below is 8/,
  ],
  [
    'more heads than width',
    changed(series, { model: { family: 'transformer', width: 3, heads: 4, blocks: 1 } }),
    'model.heads',
    /nearest below is 4/,
  ],
  [
    'an embedding of numbers',
    changed(tables, { model: { family: 'mlp', hidden: [2], embeddings: [{ column: 'age', width: 2 }] } }),
    'model.embeddings.0.column',
    /age is continuous/,
  ],
  [
    'an embedding of nothing',
    changed(tables, { model: { family: 'mlp', hidden: [2], embeddings: [{ column: 'ward', width: 2 }] } }),
    'model.embeddings.0.column',
    /no column ward; categorical are: sex, chest_pain/,
  ],
  [
    'an embedding twice',
    changed(tables, {
      model: {
        family: 'mlp',
        hidden: [2],
        embeddings: [
          { column: 'sex', width: 2 },
          { column: 'sex', width: 3 },
        ],
      },
    }),
    'model.embeddings.1.column',
    /already number 1/,
  ],
  [
    'a GRU of too many steps',
    changed(modelPlan(smallModels.tcn), {
      model: { family: 'gru', hidden: 4, layers: 2 },
      data: { payload: { ...modelPlan(smallModels.tcn).data.payload, steps: 257 } },
    }),
    'data.payload.steps',
    /257 steps are too many for a gru of 2 layers, which takes at most 256/,
  ],
  [
    'an image halved away',
    changed(images, { model: { family: 'cnn', channels: [2, 2, 2, 2] } }),
    'model.channels',
    /9 × 8 pixels is too small: .* at most 3 entries fit, found 4/,
  ],
  [
    'too many stages',
    changed(images, { model: { family: 'resnet', channels: [2, 2, 2, 2, 2], blocks: 1 } }),
    'model.channels',
    /at most 4 entries fit, found 5/,
  ],
  [
    'more than a file holds',
    changed(tables, { model: { family: 'mlp', hidden: Array.from({ length: 10 }, () => 8192) } }),
    'model',
    /ONNX file/,
  ],
  [
    'a name that is none',
    changed(series, { training: { trainable: { names: ['last.*', 'last.wieght'] } } }),
    'training.trainable.names.1',
    /last\.wieght is no tensor of this model; the nearest is last\.weight/,
  ],
  [
    'a pattern of nothing',
    changed(series, { training: { trainable: { names: ['layer3.*'] } } }),
    'training.trainable.names.0',
    /layer3\.\* is no tensor of this model; among them are layer1\.input\.bias/,
  ],
  [
    'adapters on kernels',
    changed(images, { training: { trainable: { lora: { rank: 1, on: ['block1.*'] } } } }),
    'training.trainable.lora.on.0',
    /block1\.\* is no matrix of this model; they are hidden1\.weight, last\.weight/,
  ],
  [
    'adapters larger than matrices',
    changed(tables, { training: { trainable: { lora: { rank: 4 } } } }),
    'training.trainable.lora.rank',
    /no matrix gets an adapter/,
  ],
  [
    'whole tensors that are none',
    changed(series, { training: { trainable: { lora: { rank: 1, and: ['head.*'] } } } }),
    'training.trainable.lora.and.0',
    /head\.\* is no tensor/,
  ],
];

describe('a plan whose model does not fit is refused', () => {
  it.each(refused)('%s', (_, plan, path, message) => {
    const findings = planFindings(plan);
    expect(findings.map((finding) => finding.path.join('.'))).toContain(path);
    expect(findings.find((finding) => finding.path.join('.') === path)?.message).toMatch(message);
  });

  it('without a column to read', () => {
    const plan = changed(images, { model: smallModels.mlp });
    const { payload: _, ...data } = plan.data;
    const bare = { ...plan, data } as Plan;
    expect(modelFindings(bare)).toEqual([{ path: ['data', 'columns'], message: 'the model has no column to read' }]);
  });
});

describe('a plan whose model fits is taken', () => {
  it.each(modelKinds)('%s, for every task there is for it', (kind) => {
    for (const task of taskKinds.filter((one) => fits(kind, one))) {
      expect(modelFindings(modelPlan(smallModels[kind], task))).toEqual([]);
    }
  });

  it('in every choice of what trains', () => {
    for (const trainable of ['all', 'last-layer', { names: ['*.bias'] }, { lora: { rank: 1 } }]) {
      expect(modelFindings(changed(series, { training: { trainable } }))).toEqual([]);
    }
  });
});
