import type { ImagePayload } from '../plan/payload.ts';
import type { Plan } from '../plan/plan.ts';
import type { Preprocessing } from '../plan/preprocessing.ts';
import { canonicalJson } from '../runtime/canonical.ts';
import type { NamedTensors } from '../tensors/tensor.ts';
import { frozenWeights, mergeAdapters } from './adapters.ts';
import { columnScaling } from './encoding.ts';
import { checkFrozen, checkWeights } from './families.ts';
import type { Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { networkOf } from './network.ts';
import { encodeOnnx } from './onnx-file.ts';
import { encodeInGraph } from './preprocessing-graph.ts';
import { addTaskOutputs } from './task-outputs.ts';

/**
 * The released network as an ONNX file that any runtime opens: imputation, scaling and one-hot are inside, adapters are merged.
 *
 * Inputs:
 * - `features` float [N, columns], the contract's columns in order; values in their units, 0-based level indices, NaN for missing.
 *   Columns computed from a payload are not read; a plan without others still has the input.
 * - `payload`, where the network reads one: float [N, steps, channels] for series, laid out and scaled as for training; float
 *   [N, channels, height, width] for images, pixels from 0 to 255, of which (pixel - mean) / scale is taken inside.
 *
 * Outputs, by task: see `addTaskOutputs`. A row that breaks the contract gives NaN. The metadata names columns, payload, units and levels.
 * Equal arguments give equal bytes.
 *
 * @param weights the travelling tensors
 * @param frozen those that stayed; drawn from the plan's seed when absent
 * @throws GraphError `wrong_weights`, `wrong_preprocessing`
 */
export function buildInferenceModel(
  plan: Plan,
  preprocessing: Preprocessing,
  weights: NamedTensors,
  frozen: NamedTensors = frozenWeights(plan),
): Uint8Array {
  checkWeights(plan, weights);
  checkFrozen(plan, frozen);
  const network = networkOf(plan);
  const builder = new GraphBuilder(plan.name);
  const raw = builder.input('features', 'float', ['N', plan.data.columns.length]);
  const inputs = new Map<string, Value>();
  for (const { name, shape } of network.inputs) {
    if (name === 'features') inputs.set(name, encodeInGraph(builder, raw, plan, preprocessing));
    else inputs.set(name, scaledPayload(builder, plan, builder.input(name, 'float', ['N', ...shape])));
  }
  if (!inputs.has('features')) columnScaling(plan.data, preprocessing);
  const constants = new Map(
    [...mergeAdapters(plan, weights, frozen)].map(
      ([name, { shape, data }]) => [name, builder.constant(name, shape, data)] as const,
    ),
  );
  const { outputs } = network.forward({ builder, inputs, weights: constants, random: null });
  addTaskOutputs(builder, plan.task, outputs);

  const columns = plan.data.columns.map((column) =>
    column.kind === 'continuous'
      ? { name: column.name, kind: column.kind, unit: column.unit }
      : { name: column.name, kind: column.kind, levels: column.levels },
  );
  const { payload } = plan.data;
  return encodeOnnx(builder.finish(), {
    'wardround.plan': preprocessing.plan,
    'wardround.columns': canonicalJson(columns),
    'wardround.label': canonicalJson(plan.data.label),
    ...(payload === undefined ? {} : { 'wardround.payload': canonicalJson(payload) }),
  });
}

/** Images as the network sees them; series are laid out and scaled where they are read. */
function scaledPayload(builder: GraphBuilder, plan: Plan, payload: Value): Value {
  if (plan.data.payload?.kind !== 'images') return payload;
  const { mean, scale } = plan.data.payload satisfies ImagePayload;
  const perChannel = (hint: string, numbers: readonly number[]): Value =>
    builder.constant(hint, [1, numbers.length, 1, 1], Float32Array.from(numbers));
  return builder.div(builder.sub(payload, perChannel('means', mean)), perChannel('scales', scale));
}
