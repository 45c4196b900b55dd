import { OnnxError } from './onnx-error.ts';

/** How a field's value is written (protobuf encoding): a varint, 8 bytes, a length and bytes, or 4 bytes. */
export type WireKind = 0 | 1 | 2 | 5;

/** Fields that may still be read of a file, over all its messages: two bytes can be a field, so that megabytes would take minutes. */
export interface FieldBudget {
  fields: number;
}

/** Reads the protobuf wire format without trust: every length is checked against what is there. */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly #budget: FieldBudget;
  #view: DataView | null = null;
  #at = 0;

  constructor(bytes: Uint8Array, budget: FieldBudget) {
    this.bytes = bytes;
    this.#budget = budget;
  }

  get done(): boolean {
    return this.#at >= this.bytes.length;
  }

  /** Field number and kind. @throws OnnxError `malformed`, `over_limit` */
  tag(): { readonly field: number; readonly kind: WireKind } {
    if (--this.#budget.fields < 0) throw new OnnxError('over_limit', 'the file has more fields than are read');
    const tag = this.#length();
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
    return this.#number(4).getFloat32(this.#at - 4, true);
  }

  double(): number {
    return this.#number(8).getFloat64(this.#at - 8, true);
  }

  /** A view of the next length-prefixed bytes. */
  part(): Uint8Array {
    const length = this.#length();
    if (length > this.bytes.length - this.#at) {
      throw new OnnxError(
        'malformed',
        `a field at byte ${this.#at} claims ${length} bytes, ${this.bytes.length - this.#at} are left: the file is cut off or damaged`,
      );
    }
    const start = this.#at;
    this.#at += length;
    return this.bytes.subarray(start, this.#at);
  }

  skip(kind: WireKind): void {
    if (kind === 0) this.#skipVarint();
    else if (kind === 2) this.part();
    else {
      const length = kind === 1 ? 8 : 4;
      this.#need(length);
      this.#at += length;
    }
  }

  /** A tag or a length: no file needs more than seven bytes for one. */
  #length(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 42; factor *= 0x80) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new OnnxError('malformed', `the number before byte ${this.#at} is longer than a tag or length can be`);
  }

  #skipVarint(): void {
    for (let length = 1; length <= 10; length++) if (this.#byte() < 0x80) return;
    throw new OnnxError('malformed', `the number before byte ${this.#at} has more than 64 bits`);
  }

  /** The bytes of one number, which has been passed over. */
  #number(length: number): DataView {
    this.#need(length);
    this.#at += length;
    this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    return this.#view;
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
