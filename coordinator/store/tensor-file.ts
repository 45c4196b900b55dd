import type { Digest } from '../../shared/runtime/ids.ts';
import {
  readSafetensorsIndex,
  type SafetensorsEntry,
  type SafetensorsIndex,
  safetensorsHeaderBytes,
} from '../../shared/tensors/safetensors.ts';
import { TensorError } from '../../shared/tensors/tensor-error.ts';
import type { ObjectReader, ObjectStore } from './object-store.ts';

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Turns little-endian float32 bytes into this machine's order, in place, and back. */
export function littleEndianInPlace(values: Float32Array): Float32Array {
  if (!littleEndian) Buffer.from(values.buffer, values.byteOffset, values.byteLength).swap32();
  return values;
}

/** A safetensors object read in pieces. */
export interface TensorFile {
  readonly index: SafetensorsIndex;
  readonly bytes: number;
  /** Fills `target` with the tensor's values from `from` on. */
  read(entry: SafetensorsEntry, from: number, target: Float32Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens an object as safetensors: header checked, and the size it describes compared with the file's.
 * @throws TensorError for anything that is no plain safetensors file; StoreError `object_missing`
 */
export async function openTensorFile(objects: ObjectStore, digest: Digest): Promise<TensorFile> {
  const reader: ObjectReader = await objects.open(digest);
  try {
    const start = new Uint8Array(Math.min(8, reader.bytes));
    await reader.readAt(start, 0);
    const prefix = new Uint8Array(Math.min(safetensorsHeaderBytes(start), reader.bytes));
    await reader.readAt(prefix, 0);
    const index = readSafetensorsIndex(prefix);
    if (index.totalBytes !== reader.bytes) {
      throw new TensorError(
        'size_mismatch',
        `the header describes a file of ${index.totalBytes} bytes, found ${reader.bytes}`,
        { needed: index.totalBytes, found: reader.bytes },
      );
    }
    return {
      index,
      bytes: reader.bytes,
      async read(entry, from, target) {
        const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
        await reader.readAt(bytes, index.headerBytes + entry.begin + from * 4);
        littleEndianInPlace(target);
      },
      close: () => reader.close(),
    };
  } catch (cause) {
    await reader.close();
    throw cause;
  }
}
