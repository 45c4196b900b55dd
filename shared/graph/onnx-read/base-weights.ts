import type { NetworkSpec } from '../../plan/network.ts';
import type { Plan } from '../../plan/plan.ts';
import { digestOf } from '../../runtime/digest.ts';
import type { Digest } from '../../runtime/ids.ts';
import { firstNotFinite, tensorMismatch } from '../../tensors/checks.ts';
import { decodeSafetensors, safetensorsHeader } from '../../tensors/safetensors.ts';
import type { NamedTensors } from '../../tensors/tensor.ts';
import { TensorError } from '../../tensors/tensor-error.ts';
import { OnnxError } from './onnx-error.ts';

/** Name of the starting weights' file in a release. */
export const baseWeightsFile = 'base.safetensors';

function broughtModel(plan: Plan): { readonly network: NetworkSpec; readonly digest: Digest } | null {
  const { model } = plan;
  if (model.family !== 'onnx' || model.network === undefined || model.weights === undefined) return null;
  return { network: model.network, digest: model.weights as Digest };
}

/** The object with the weights of the plan's ONNX file; null for plans without one. Its size follows from the plan. */
export function baseWeightsObject(plan: Plan): { readonly digest: Digest; readonly bytes: number } | null {
  const brought = broughtModel(plan);
  if (brought === null) return null;
  const { parameters } = brought.network;
  const values = parameters.reduce((sum, { shape }) => sum + shape.reduce((all, length) => all * length, 1), 0);
  return { digest: brought.digest, bytes: safetensorsHeader(parameters).byteLength + 4 * values };
}

/**
 * Reads the weights of the plan's ONNX file and checks that they are what the plan names: digest, names, shapes, finite values.
 * @throws OnnxError `weights_differ`, `not_finite`
 */
export function readBaseWeights(plan: Plan, bytes: Uint8Array): NamedTensors {
  const brought = broughtModel(plan);
  if (brought === null)
    throw new OnnxError('weights_differ', 'the plan has no network from a file, so no weights either');
  const found = digestOf(bytes);
  if (found !== brought.digest) {
    throw new OnnxError(
      'weights_differ',
      `the starting weights have the digest ${found}; the plan names ${brought.digest}`,
      {
        expected: brought.digest,
        found,
      },
    );
  }
  let weights: NamedTensors;
  try {
    weights = decodeSafetensors(bytes);
  } catch (cause) {
    if (!(cause instanceof TensorError)) throw cause;
    throw new OnnxError('weights_differ', `the starting weights cannot be read: ${cause.message}`, {}, cause);
  }
  const mismatch = tensorMismatch(brought.network.parameters, weights);
  if (mismatch !== null) throw new OnnxError('weights_differ', `the starting weights: ${mismatch.message}`);
  const odd = firstNotFinite(weights);
  if (odd !== null) {
    throw new OnnxError('not_finite', `the starting weights: tensor ${odd.name} is not finite at ${odd.index}`);
  }
  return weights;
}
