import { describe, expect, it } from 'vitest';
import { encodedFeatures } from '../../../shared/graph/encoding.ts';
import { modelFindings } from '../../../shared/plan/check-model.ts';
import { planFindings } from '../../../shared/plan/check-plan.ts';
import { networkSchema } from '../../../shared/plan/network.ts';
import { type Plan, planSchema } from '../../../shared/plan/plan.ts';
import { planAround } from '../../support/brought-plans.ts';
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

/** A network of two layers in which a bias has the name that the adapter of the first would have. */
const brought = (training: Readonly<Record<string, unknown>>, lastLayer: string[] = []): Plan => {
  const around = planAround({ training });
  const features = encodedFeatures(around).length;
  const network = networkSchema.parse({
    source: { sha256: 'a'.repeat(64), producer: '', operatorSet: 17 },
    inputs: [{ name: 'features', shape: [features] }],
    parameters: [
      { name: 'w', shape: [features, 16], role: 'weight' },
      { name: 'w.lora_a', shape: [1], role: 'bias' },
      { name: 'z', shape: [16, 1], role: 'weight' },
    ],
    constants: [],
    nodes: [
      { operator: 'MatMul', inputs: ['features', 'w'], outputs: ['h'] },
      { operator: 'MatMul', inputs: ['h', 'z'], outputs: ['k'] },
      { operator: 'Add', inputs: ['k', 'w.lora_a'], outputs: ['y'] },
    ],
    output: 'y',
    outputs: 1,
    lastLayer,
  });
  return planSchema.parse({ ...around, model: { family: 'onnx', network, weights: 'a'.repeat(64) } });
};

describe('what trains of a brought network', () => {
  const found = (plan: Plan) => modelFindings(plan).map(({ path, message }) => `${path.join('.')}: ${message}`);

  it('has no two tensors of one name', () => {
    expect(found(brought({ trainable: { lora: { rank: 1, on: ['w'] } } }))).toEqual([
      'training.trainable: the network has a tensor w.lora_a already, which is the name of an adapter',
    ]);
    expect(found(brought({ trainable: { lora: { rank: 1, on: ['z'] } } }))).toEqual([
      expect.stringContaining('no matrix gets an adapter'),
    ]);
  });

  it('is something', () => {
    const empty = ['training.trainable: no tensor would train: the last layer has none'];
    expect(found(brought({ trainable: 'last-layer' }))).toEqual(empty);
    expect(found(brought({ trainable: 'last-layer' }, ['z']))).toEqual([]);
  });

  it('is named with few patterns, and a nearest name is looked for a few times only', () => {
    const names = Array.from({ length: 201 }, (_, at) => `*a*b*${at}`);
    expect(() => brought({ trainable: { names } })).toThrowError(/must not have more than 200 entries with \*/);
    const unknown = Array.from({ length: 300 }, (_, at) => `zz${at}`);
    const problems = found(brought({ trainable: { names: unknown } }));
    expect(problems).toHaveLength(300);
    expect(problems.filter((line) => /the nearest is|they are/.test(line))).toHaveLength(5);
  });
});

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
