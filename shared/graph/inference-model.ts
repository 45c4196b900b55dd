import type { Plan } from '../plan/plan.ts';
import type { Preprocessing } from '../plan/preprocessing.ts';
import { canonicalJson } from '../runtime/canonical.ts';
import type { NamedTensors } from '../tensors/tensor.ts';
import { checkWeights, modelTensors } from './families.ts';
import type { Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { networkOf } from './network.ts';
import { encodeOnnx } from './onnx-file.ts';
import { encodeInGraph } from './preprocessing-graph.ts';

/**
 * The released network as an ONNX file that any runtime opens: imputation, scaling and one-hot are inside.
 *
 * Input `features`: float [N, columns], the contract's columns in order; values in their units, 0-based level indices, NaN for missing.
 * Outputs, by task: binary `probability` [N] of the event and `logit` [N]; multiclass `probability` [N, K] and `logit` [N, K];
 * regression `prediction` [N] in the label's unit.
 * A row that breaks the contract gives NaN. The metadata names columns, units and levels. Equal arguments give equal bytes.
 *
 * @throws GraphError `wrong_weights`, `wrong_preprocessing`
 */
export function buildInferenceModel(plan: Plan, preprocessing: Preprocessing, weights: NamedTensors): Uint8Array {
  checkWeights(plan, weights);
  const builder = new GraphBuilder(plan.name);
  const raw = builder.input('features', 'float', ['N', plan.data.columns.length]);
  const encoded = encodeInGraph(builder, raw, plan, preprocessing);
  const constants = new Map<string, Value>();
  for (const { name, shape } of modelTensors(plan)) {
    const tensor = weights.get(name);
    if (tensor !== undefined) constants.set(name, builder.constant(name, shape, tensor.data));
  }
  const { outputs } = networkOf(plan).forward({
    builder,
    inputs: new Map([['features', encoded]]),
    weights: constants,
    random: null,
  });

  if (plan.task.kind === 'multiclass') {
    builder.output('probability', builder.op('Softmax', [outputs], { axis: { int: 1 } }));
    builder.output('logit', outputs);
  } else if (plan.task.kind === 'binary') {
    const logit = builder.squeeze(outputs, 1);
    builder.output('probability', builder.op('Sigmoid', [logit]));
    builder.output('logit', logit);
  } else {
    builder.output('prediction', builder.squeeze(outputs, 1));
  }

  const columns = plan.data.columns.map((column) =>
    column.kind === 'continuous'
      ? { name: column.name, kind: column.kind, unit: column.unit }
      : { name: column.name, kind: column.kind, levels: column.levels },
  );
  return encodeOnnx(builder.finish(), {
    'wardround.plan': preprocessing.plan,
    'wardround.columns': canonicalJson(columns),
    'wardround.label': canonicalJson(plan.data.label),
  });
}
