import { tensorMismatch } from '../../shared/tensors/checks.ts';
import { TensorError } from '../../shared/tensors/tensor-error.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { openTensorFile, type TensorFile } from '../store/tensor-file.ts';
import { type Refusal, refusal } from './refusal.ts';

/** Values read at once: 256 KiB. */
const stretchValues = 65_536;

/**
 * Looks into an uploaded delta, stretch by stretch: a plain safetensors file, the model's names and shapes, every value finite,
 * the norm within the bound. Null when all hold. The norm is a float64 sum over tensors by name.
 */
export async function checkDelta(
  objects: ObjectStore,
  delta: ObjectRef,
  rules: {
    readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
    readonly maximumNorm: number;
  },
  signal?: AbortSignal,
): Promise<Refusal | null> {
  let file: TensorFile;
  try {
    file = await openTensorFile(objects, delta.digest);
  } catch (error) {
    if (error instanceof TensorError)
      return refusal('malformed', `The delta is no safetensors file: ${error.message}.`);
    throw error;
  }
  try {
    const { entries } = file.index;
    const mismatch = tensorMismatch(rules.tensors, entries);
    if (mismatch !== null) return refusal(mismatch.code, `The delta: ${mismatch.message}.`);
    const buffer = new Float32Array(stretchValues);
    let squares = 0;
    for (const { name } of rules.tensors) {
      const entry = entries.find((other) => other.name === name);
      if (entry === undefined) continue;
      const values = (entry.end - entry.begin) / 4;
      for (let from = 0; from < values; from += stretchValues) {
        signal?.throwIfAborted();
        const stretch = buffer.subarray(0, Math.min(stretchValues, values - from));
        await file.read(entry, from, stretch);
        for (let index = 0; index < stretch.length; index++) {
          const value = stretch[index] as number;
          if (!Number.isFinite(value)) {
            return refusal('not_finite', `The delta: value ${from + index} of tensor ${name} is ${value}.`);
          }
          squares += value * value;
        }
      }
    }
    const norm = Math.sqrt(squares);
    if (norm > rules.maximumNorm) {
      return refusal(
        'norm_above_bound',
        `The delta's norm is ${Number(norm.toPrecision(6))}, above the plan's bound ${rules.maximumNorm}.`,
      );
    }
    return null;
  } finally {
    await file.close();
  }
}
