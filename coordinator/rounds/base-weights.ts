import { baseWeightsObject, readBaseWeights } from '../../shared/graph/onnx-read/base-weights.ts';
import type { Plan } from '../../shared/plan/plan.ts';
import type { NamedTensors } from '../../shared/tensors/tensor.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** The weights of the plan's ONNX file; undefined for plans without one. @throws StoreError, OnnxError */
export async function baseWeightsOf(objects: Pick<ObjectStore, 'read'>, plan: Plan): Promise<NamedTensors | undefined> {
  const object = baseWeightsObject(plan);
  return object === null ? undefined : readBaseWeights(plan, await objects.read(object.digest));
}
