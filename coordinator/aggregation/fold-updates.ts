import * as fedavg from '../../shared/algorithms/fedavg.ts';
import type { Digest, SiteName } from '../../shared/runtime/ids.ts';
import { safetensorsHeader } from '../../shared/tensors/safetensors.ts';
import type { ObjectRef } from '../../shared/wire/messages.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { StoreError } from '../store/store-error.ts';
import { littleEndianInPlace, openTensorFile, type TensorFile } from '../store/tensor-file.ts';

export interface SpooledUpdate {
  readonly site: SiteName;
  readonly delta: Digest;
  readonly weight: number;
}

/** Values of one stretch: 256 KiB of float32. */
const stretchValues = 65_536;
/** Files kept open at once; beyond, each is opened again for each stretch. */
const maximumOpenFiles = 200;

/**
 * The mean of the spooled updates, added to the base weights, as a new object. Reads the updates side by side in the order of
 * site names, stretch by stretch: three stretches are in memory, whatever the number of sites and the size of the model.
 * The same updates give the same bytes, in whatever order they are passed and however often it is begun again.
 * @param tensors names and shapes of the model, which every file has been checked against
 * @throws StoreError; Error when a file does not have the model's tensors
 */
export async function foldUpdates(
  objects: ObjectStore,
  input: {
    readonly base: Digest;
    readonly updates: readonly SpooledUpdate[];
    readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  },
  signal: AbortSignal,
  options: { readonly stretchValues?: number } = {},
): Promise<ObjectRef> {
  const updates = [...input.updates].sort((left, right) => (left.site < right.site ? -1 : 1));
  const limit = options.stretchValues ?? stretchValues;
  const keepOpen = updates.length <= maximumOpenFiles;
  const opened = new Map<Digest, TensorFile>();
  const withFile = async <Result>(digest: Digest, use: (file: TensorFile) => Promise<Result>): Promise<Result> => {
    const known = opened.get(digest);
    if (known !== undefined) return use(known);
    const file = await openTensorFile(objects, digest);
    if (keepOpen || digest === input.base) {
      opened.set(digest, file);
      return use(file);
    }
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  };
  const readStretch = (digest: Digest, name: string, from: number, target: Float32Array): Promise<void> =>
    withFile(digest, async (file) => {
      const entry = file.index.entries.find((other) => other.name === name);
      if (entry === undefined || (entry.end - entry.begin) / 4 < from + target.length) {
        throw new StoreError('object_corrupt', `Object ${digest} does not hold the tensor ${name} of the model.`, {
          digest,
          tensor: name,
        });
      }
      await file.read(entry, from, target);
    });

  const writer = await objects.create();
  try {
    await writer.write(safetensorsHeader(input.tensors));
    const buffer = new Float32Array(limit);
    for (const { name, shape } of input.tensors) {
      const values = shape.reduce((product, length) => product * length, 1);
      for (let from = 0; from < values; from += limit) {
        signal.throwIfAborted();
        const stretch = buffer.subarray(0, Math.min(limit, values - from));
        let state = fedavg.init(stretch.length);
        for (const { delta, weight } of updates) {
          await readStretch(delta, name, from, stretch);
          state = fedavg.apply(state, stretch, weight);
        }
        await readStretch(input.base, name, from, stretch);
        const result = littleEndianInPlace(fedavg.finish(state, stretch));
        await writer.write(new Uint8Array(result.buffer, result.byteOffset, result.byteLength));
      }
    }
    return await writer.finish();
  } catch (cause) {
    await writer.discard();
    throw cause;
  } finally {
    for (const file of opened.values()) await file.close();
  }
}
