import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../runtime/errors.ts';

export type TensorErrorCode =
  | 'truncated'
  | 'header_too_large'
  | 'header_malformed'
  | 'name_invalid'
  | 'dtype_unsupported'
  | 'shape_invalid'
  | 'offsets_invalid'
  | 'size_mismatch';

export const tensorErrors: ErrorCatalogue<TensorErrorCode> = {
  truncated: { meaning: 'The safetensors file ends before its header does.', advice: 'reject' },
  header_too_large: {
    meaning: 'The safetensors header claims more bytes than any model of ours has.',
    advice: 'reject',
  },
  header_malformed: { meaning: 'The safetensors header is not the JSON object the format asks for.', advice: 'reject' },
  name_invalid: { meaning: 'A tensor has no name, one that is too long, or one written twice.', advice: 'reject' },
  dtype_unsupported: { meaning: 'A tensor is not float32 (F32).', advice: 'reject' },
  shape_invalid: {
    meaning: 'The dimensions of a tensor are not whole numbers, too many, or too large.',
    advice: 'reject',
  },
  offsets_invalid: { meaning: 'The tensors overlap, leave gaps, or are not where the header says.', advice: 'reject' },
  size_mismatch: {
    meaning: "A tensor's bytes, or the file's, do not have the size the shapes ask for.",
    advice: 'reject',
  },
};

/** A safetensors file is refused, or tensors cannot be written as one. */
export class TensorError extends WardroundError<TensorErrorCode> {
  readonly subsystem = 'tensors';

  constructor(code: TensorErrorCode, message: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message, tensorErrors[code].advice, details, cause);
  }
}
