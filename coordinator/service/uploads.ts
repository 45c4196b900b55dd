import { objectField, present } from '../../shared/wire/fields.ts';
import type { WriteObjectRequest } from '../../shared/wire/generated/federation.ts';
import { chunkBytes, type ObjectRef } from '../../shared/wire/messages.ts';
import { WireError } from '../../shared/wire/wire-error.ts';

export interface IncomingObject {
  readonly object: ObjectRef;
  readonly offset: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Splits an upload into its header and its bytes. Chunks must follow each other without a gap and stay within the
 * object; a stream that ends early or breaks off throws `truncated` where the next chunk would have been, so what came
 * before it is kept and the upload resumes.
 */
export async function incomingObject(
  requests: AsyncIterable<WriteObjectRequest>,
  largestBytes: number,
): Promise<IncomingObject> {
  const parts = requests[Symbol.asyncIterator]();
  const first = await parts.next();
  const header = present(first.done === true ? null : first.value.header, 'header');
  const object = objectField(header.object, 'header.object');
  if (object.bytes > largestBytes) {
    throw new WireError(
      'message_too_large',
      `An object has at most ${largestBytes} bytes; this one has ${object.bytes}.`,
    );
  }
  const offset = header.offset;
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > object.bytes) {
    throw new WireError('offset_invalid', `The offset ${offset} is not within the object's ${object.bytes} bytes.`);
  }
  async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
    let position = offset;
    for (;;) {
      let part: IteratorResult<WriteObjectRequest, unknown>;
      try {
        part = await parts.next();
      } catch (cause) {
        throw new WireError('truncated', undefined, { received: position, bytes: object.bytes }, cause);
      }
      if (part.done === true) break;
      const chunk = present(part.value.chunk, 'chunk');
      if (chunk.offset !== position) {
        throw new WireError('offset_invalid', `A chunk starts at ${chunk.offset}; ${position} was due.`);
      }
      if (chunk.data.byteLength === 0) throw new WireError('invalid_argument', 'chunk.data: is empty');
      if (chunk.data.byteLength > chunkBytes) {
        throw new WireError('message_too_large', `A chunk has at most ${chunkBytes} bytes.`);
      }
      if (position + chunk.data.byteLength > object.bytes) {
        throw new WireError('invalid_argument', `chunk.data: goes past the object's ${object.bytes} bytes`);
      }
      position += chunk.data.byteLength;
      yield chunk.data;
    }
    if (position < object.bytes) {
      throw new WireError('truncated', undefined, { received: position, bytes: object.bytes });
    }
  }
  return { object, offset, chunks: chunks() };
}
