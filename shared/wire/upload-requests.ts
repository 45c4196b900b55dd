import type { WriteObjectRequest } from './generated/federation.ts';
import { chunkBytes, type ObjectRef } from './messages.ts';

/** The messages of an upload from `offset` on: the header, then chunks of at most 1 MiB. */
export async function* uploadRequests(
  object: ObjectRef,
  offset: number,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<WriteObjectRequest, void, void> {
  yield { header: { object, offset } };
  let position = offset;
  for await (const chunk of chunks) {
    for (let begin = 0; begin < chunk.byteLength; begin += chunkBytes) {
      const data = chunk.subarray(begin, begin + chunkBytes);
      yield { chunk: { offset: position, data } };
      position += data.byteLength;
    }
  }
}
