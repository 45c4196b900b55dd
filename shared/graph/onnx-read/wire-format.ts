import { OnnxError } from './onnx-error.ts';

/** How a field's value is written (protobuf encoding): a varint, 8 bytes, a length and bytes, or 4 bytes. */
export type WireKind = 0 | 1 | 2 | 5;

/** Reads the protobuf wire format without trust: every length is checked against what is there. */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.bytes.length;
  }

  /** Field number and kind. @throws OnnxError `malformed` */
  tag(): { readonly field: number; readonly kind: WireKind } {
    const tag = Number(this.varint());
    const field = Math.floor(tag / 8);
    const kind = tag % 8;
    if (field < 1 || field > 0x1fff_ffff || (kind !== 0 && kind !== 1 && kind !== 2 && kind !== 5)) {
      throw new OnnxError('malformed', `byte ${this.#at} does not begin a field of an ONNX file`);
    }
    return { field, kind };
  }

  /** An unsigned number of at most 64 bits. */
  varint(): bigint {
    const first = this.#byte();
    if (first < 0x80) return BigInt(first);
    let value = BigInt(first & 0x7f);
    for (let shift = 7n; shift <= 63n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (shift === 63n && byte > 1) break;
        return value;
      }
    }
    throw new OnnxError('malformed', `the number before byte ${this.#at} has more than 64 bits`);
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.varint());
  }

  float(): number {
    this.#need(4);
    const value = this.#view.getFloat32(this.#at, true);
    this.#at += 4;
    return value;
  }

  double(): number {
    this.#need(8);
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  /** A view of the next length-prefixed bytes. */
  part(): Uint8Array {
    const length = this.varint();
    if (length > BigInt(this.bytes.length - this.#at)) {
      throw new OnnxError(
        'malformed',
        `a field at byte ${this.#at} claims ${length} bytes, ${this.bytes.length - this.#at} are left: the file is cut off or damaged`,
      );
    }
    const start = this.#at;
    this.#at += Number(length);
    return this.bytes.subarray(start, this.#at);
  }

  skip(kind: WireKind): void {
    if (kind === 0) this.varint();
    else if (kind === 2) this.part();
    else {
      const length = kind === 1 ? 8 : 4;
      this.#need(length);
      this.#at += length;
    }
  }

  #byte(): number {
    this.#need(1);
    const byte = this.bytes[this.#at] as number;
    this.#at++;
    return byte;
  }

  #need(length: number): void {
    if (this.#at + length > this.bytes.length) {
      throw new OnnxError('malformed', `the file ends inside a field, after byte ${this.bytes.length}`);
    }
  }
}
