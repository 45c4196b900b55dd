import { type ErrorCatalogue, type ErrorDetails, WardroundError } from '../runtime/errors.ts';

/** Every way the building, differentiating or feeding of a graph can go wrong. */
export type GraphErrorCode =
  | 'unknown_operator'
  | 'not_differentiable'
  | 'shape_mismatch'
  | 'duplicate_name'
  | 'unknown_value'
  | 'wrong_weights'
  | 'wrong_preprocessing'
  | 'wrong_input'
  | 'wrong_loss'
  | 'mixes_rows'
  | 'not_extendable';

export const graphErrors: ErrorCatalogue<GraphErrorCode> = {
  unknown_operator: { meaning: 'The graph names an operator that is not on the list.', advice: 'fix' },
  not_differentiable: {
    meaning: 'The loss depends on a weight through an operator without a derivative.',
    advice: 'fix',
  },
  shape_mismatch: { meaning: 'The shapes of an operator’s inputs do not fit together.', advice: 'abort' },
  duplicate_name: { meaning: 'Two values of one graph would have the same name.', advice: 'abort' },
  unknown_value: { meaning: 'A value does not belong to this graph.', advice: 'abort' },
  wrong_weights: { meaning: 'The weights are not those of the plan’s model.', advice: 'reject' },
  wrong_preprocessing: { meaning: 'The preprocessing does not belong to the plan’s columns.', advice: 'reject' },
  wrong_loss: { meaning: 'The loss is not one of the plan’s task.', advice: 'fix' },
  mixes_rows: {
    meaning: 'Something makes the rows of a batch depend on one another, so they cannot be computed apart.',
    advice: 'fix',
  },
  not_extendable: {
    meaning: 'The model was not written by Wardround, or has no probability to recalibrate: it is left as it is.',
    advice: 'abort',
  },
  wrong_input: { meaning: 'The rows do not have the shape the contract asks for.', advice: 'abort' },
};

export class GraphError extends WardroundError<GraphErrorCode> {
  readonly subsystem = 'graph';

  constructor(code: GraphErrorCode, message?: string, details?: ErrorDetails, cause?: unknown) {
    const entry = graphErrors[code];
    super(code, message ?? entry.meaning, entry.advice, details, cause);
  }
}
