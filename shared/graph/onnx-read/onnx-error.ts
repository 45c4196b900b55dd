import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../../runtime/errors.ts';

/** Every reason for which an ONNX file, or the network read from one, is refused. */
export type OnnxErrorCode =
  | 'malformed'
  | 'over_limit'
  | 'unsupported_version'
  | 'unknown_domain'
  | 'unsupported_operator'
  | 'unsupported_form'
  | 'unsupported_type'
  | 'subgraph'
  | 'local_function'
  | 'training_info'
  | 'external_data'
  | 'tensor_size'
  | 'not_finite'
  | 'name_invalid'
  | 'duplicate_name'
  | 'undefined_value'
  | 'used_before_made'
  | 'cycle'
  | 'dynamic_shape'
  | 'fixed_rows'
  | 'rows_mixed'
  | 'wrong_input'
  | 'wrong_output'
  | 'no_parameters'
  | 'weights_differ';

export const onnxErrors: ErrorCatalogue<OnnxErrorCode> = {
  malformed: { meaning: 'The bytes are not an ONNX file, or end too early, or hold more than one.', advice: 'reject' },
  over_limit: { meaning: 'The file or network is larger than the limits, or claims to be.', advice: 'reject' },
  unsupported_version: { meaning: 'The operator set or format version is not one that is read.', advice: 'fix' },
  unknown_domain: { meaning: 'An operator comes from a domain that is not part of ONNX.', advice: 'reject' },
  unsupported_operator: { meaning: 'An operator is not on the list of those that can be trained.', advice: 'fix' },
  unsupported_form: { meaning: 'An operator is used in a form that is not supported.', advice: 'fix' },
  unsupported_type: {
    meaning: 'Texts, quantised, sparse or half-width numbers, sequences or maps are used.',
    advice: 'fix',
  },
  subgraph: { meaning: 'An operator holds a graph inside: If, Loop and Scan are refused.', advice: 'reject' },
  local_function: { meaning: 'The file defines functions of its own.', advice: 'fix' },
  training_info: { meaning: 'The file brings its own training algorithm.', advice: 'reject' },
  external_data: { meaning: 'A tensor’s values are said to be in another file.', advice: 'reject' },
  tensor_size: { meaning: 'A tensor does not have as many values as its dimensions ask for.', advice: 'reject' },
  not_finite: { meaning: 'A weight is not a finite number.', advice: 'reject' },
  name_invalid: { meaning: 'A name is empty, too long, or holds what a name may not.', advice: 'reject' },
  duplicate_name: { meaning: 'Two values or attributes have one name.', advice: 'reject' },
  undefined_value: { meaning: 'A value is used that nothing makes.', advice: 'reject' },
  used_before_made: { meaning: 'A node stands before the one whose result it uses.', advice: 'reject' },
  cycle: { meaning: 'Values depend on themselves.', advice: 'reject' },
  dynamic_shape: { meaning: 'A length depends on the data, so that nothing can be built from it.', advice: 'fix' },
  fixed_rows: { meaning: 'The file was exported for one number of rows only.', advice: 'fix' },
  rows_mixed: { meaning: 'The output of one row depends on other rows.', advice: 'fix' },
  wrong_input: { meaning: 'The network’s inputs are not those the plan’s data gives.', advice: 'fix' },
  wrong_output: { meaning: 'The network’s output does not fit the plan’s task.', advice: 'fix' },
  no_parameters: { meaning: 'The network has nothing that can be trained.', advice: 'fix' },
  weights_differ: { meaning: 'The starting weights are not those of the plan’s network.', advice: 'reject' },
};

/** An ONNX file is refused, or a network read from one does not hold together. */
export class OnnxError extends WardroundError<OnnxErrorCode> {
  readonly subsystem = 'onnx';

  constructor(code: OnnxErrorCode, message: string, details?: ErrorDetails, cause?: unknown) {
    super(code, message, onnxErrors[code].advice, details, cause);
  }
}

/** A name from the file as it may be shown: quoted, short, without what could change a terminal. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name).replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
