import { digestOf } from '../../shared/runtime/digest.ts';
import { decodeSafetensors, encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { Tensor } from '../../shared/tensors/tensor.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';

/** A delta with NaN as the first value of its first tensor, and the name it goes by: the transfer itself is whole. */
export function spoilDelta(bytes: Uint8Array): { readonly object: ObjectRef; readonly bytes: Uint8Array } {
  const tensors = new Map(decodeSafetensors(bytes));
  const [name, { shape, data }] = [...tensors][0] as [string, Tensor];
  tensors.set(name, { shape, data: data.map((value, index) => (index === 0 ? Number.NaN : value)) });
  const spoiled = encodeSafetensors(tensors);
  return { object: { digest: digestOf(spoiled), bytes: spoiled.byteLength }, bytes: spoiled };
}
