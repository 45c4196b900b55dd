import type { Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';
import { coxSortedLosses } from './cox-sorted.ts';

export type Ties = 'breslow' | 'efron';

/** Rows up to which every pair of rows is compared; above it the rows must come in order of time. */
export const mostComparedRows = 1024;

/** Logit of what does not count: its exponential is 0, and it is finite, so 0 times it is 0. */
const never = -1e30;

/**
 * Negative log partial likelihood of Cox (1975), each event's own term at its row and 0 at rows without an event, so that the sum over the rows is
 * the batch's. The risk set of an event is every row of the batch whose time is not shorter.
 * - breslow: each of d tied events has the whole risk set (Breslow 1974);
 * - efron: the l-th of d tied events has the tied events with the weight 1 - l / d, l = 0, 1, ... (Efron 1977).
 *
 * The weights are all above 0, so a denominator is a log-sum-exp without cancellation, and scores of any size are safe.
 *
 * @param scores [rows], log hazard ratios
 * @param labels [rows, 2]: time, and 1 where the event was seen. Above `mostComparedRows` rows in ascending order of time, else NaN is returned
 * @returns [rows]
 */
export function coxLosses(b: GraphBuilder, scores: Value, labels: Value, ties: Ties): Value {
  const rows = labels.shape[0] as number;
  const time = b.op('Gather', [labels, b.constant('first', [], BigInt64Array.of(0n), 'int64')], { axis: { int: 1 } });
  const event = b.op('Gather', [labels, b.constant('second', [], BigInt64Array.of(1n), 'int64')], { axis: { int: 1 } });
  return rows > mostComparedRows
    ? coxSortedLosses(b, { scores, time, event, ties })
    : coxComparedLosses(b, scores, time, event, ties);
}

export function coxComparedLosses(b: GraphBuilder, scores: Value, time: Value, event: Value, ties: Ties): Value {
  const rows = time.shape[0] as number;
  const across = b.unsqueeze(time, 0);
  const down = b.unsqueeze(time, 1);
  const atRisk = b.op('GreaterOrEqual', [across, down]);
  let weights: Value | null = null;
  if (ties === 'efron') {
    const tied = b.mul(b.cast(b.op('Equal', [across, down]), 'float'), b.unsqueeze(event, 0));
    const place = Float32Array.from({ length: rows }, (_, row) => row);
    const before = b.cast(
      b.op('Less', [b.constant('row', [1, rows], place), b.constant('column', [rows, 1], place)]),
      'float',
    );
    const count = b.op('Max', [b.sum(tied, [1], true), b.scalar(1)]);
    const share = b.mul(b.div(b.sum(b.mul(tied, before), [1], true), count), b.unsqueeze(event, 1));
    weights = b.op('Log', [b.sub(b.scalar(1), b.mul(tied, share))]);
  }
  const row = b.unsqueeze(scores, 0);
  const weighed = b.op('Where', [atRisk, weights === null ? row : b.add(row, weights), b.scalar(never)]);
  // Row i of the log-softmax at column i is z + log w - log-sum-exp; the runtime's own operator keeps it stable.
  const diagonal = b.constant(
    'diagonal',
    [rows, rows],
    Float32Array.from({ length: rows * rows }, (_, index) => (index % (rows + 1) === 0 ? 1 : 0)),
  );
  const at = (matrix: Value): Value => b.sum(b.mul(diagonal, matrix), [1]);
  const logs = at(b.op('LogSoftmax', [weighed], { axis: { int: 1 } }));
  return b.mul(event, b.sub(weights === null ? b.scalar(0) : at(weights), logs));
}
