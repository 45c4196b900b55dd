import type { Value } from '../../graph.ts';
import type { GraphBuilder } from '../../graph-builder.ts';

/** How the rows of a class count. */
export interface ClassLoss {
  /** Weight of each level's rows; all 1 when absent. */
  readonly classWeights?: readonly number[] | undefined;
  /** Share of each label spread evenly over all levels; none when absent. */
  readonly smoothing?: number | undefined;
}

const differ = (weights: readonly number[] | undefined): weights is readonly number[] =>
  weights?.some((weight) => weight !== 1) ?? false;

/** @param label [rows] of 0 and 1 */
function weighedBinary(b: GraphBuilder, losses: Value, label: Value, weights: readonly number[] | undefined): Value {
  if (!differ(weights)) return losses;
  const [none = 1, event = 1] = weights;
  return b.mul(losses, b.add(b.mul(label, b.scalar(event - none)), b.scalar(none)));
}

/** @param chosen [rows, classes] of 0 and 1 */
function weighedClasses(b: GraphBuilder, losses: Value, chosen: Value, weights: readonly number[] | undefined): Value {
  if (!differ(weights)) return losses;
  const each = b.constant('class weights', [1, weights.length], Float32Array.from(weights));
  return b.mul(losses, b.sum(b.mul(chosen, each), [1]));
}

/** One-hot rows: [rows, width], 1 where the label is the column's number. @param labels [rows] */
export function chosenColumn(b: GraphBuilder, labels: Value, width: number): Value {
  const numbers = b.constant(
    'columns',
    [1, width],
    Float32Array.from({ length: width }, (_, k) => k),
  );
  return b.cast(b.op('Equal', [b.unsqueeze(labels, 1), numbers]), 'float');
}

/**
 * Cross-entropy of the sigmoid from logits: softplus(z) - y z, which does not overflow (Bishop 2006, eq. 4.90). With smoothing s the label
 * is y (1 - s) + s / 2.
 * @param logits [rows]
 * @param labels [rows] of 0 and 1
 * @returns [rows]
 */
export function binaryCrossEntropy(b: GraphBuilder, logits: Value, labels: Value, options: ClassLoss): Value {
  const smoothing = options.smoothing ?? 0;
  const target = smoothing === 0 ? labels : b.add(b.mul(labels, b.scalar(1 - smoothing)), b.scalar(smoothing / 2));
  const losses = b.sub(b.op('Softplus', [logits]), b.mul(target, logits));
  return weighedBinary(b, losses, labels, options.classWeights);
}

/**
 * Cross-entropy of the softmax from logits. With smoothing s the target is (1 - s) on the label and s / K on every class
 * (Szegedy et al. 2016, section 7); a row's weight is that of its label.
 * @param logits [rows, K]
 * @param labels [rows], class numbers
 * @returns [rows]
 */
export function softmaxCrossEntropy(b: GraphBuilder, logits: Value, labels: Value, options: ClassLoss): Value {
  const classes = logits.shape[1] as number;
  const smoothing = options.smoothing ?? 0;
  const chosen = chosenColumn(b, labels, classes);
  const target =
    smoothing === 0 ? chosen : b.add(b.mul(chosen, b.scalar(1 - smoothing)), b.scalar(smoothing / classes));
  const losses = b.neg(b.sum(b.mul(target, b.op('LogSoftmax', [logits], { axis: { int: 1 } })), [1]));
  return weighedClasses(b, losses, chosen, options.classWeights);
}

/**
 * Focal loss (1 - p)^gamma · -log p of the label's probability p under the sigmoid (Lin et al. 2017, eq. 4 and 5). With the margin
 * m = (2 y - 1) z: -log p = softplus(-m) and log(1 - p) = -softplus(m), so nothing overflows or vanishes early.
 * @param logits [rows]
 * @param labels [rows] of 0 and 1
 * @returns [rows]
 */
export function binaryFocal(
  b: GraphBuilder,
  logits: Value,
  labels: Value,
  gamma: number,
  classWeights?: readonly number[],
): Value {
  const margin = b.mul(b.sub(b.mul(labels, b.scalar(2)), b.scalar(1)), logits);
  const hard = b.op('Exp', [b.mul(b.op('Softplus', [margin]), b.scalar(-gamma))]);
  return weighedBinary(b, b.mul(hard, b.op('Softplus', [b.neg(margin)])), labels, classWeights);
}

/** Far below any share that counts and above what float32 holds no longer: the logarithm stays finite. */
const tiny = 1e-30;

/**
 * Focal loss of the softmax. 1 - p is summed over the other classes, so that it keeps its digits as p nears 1.
 * @param logits [rows, K]
 * @param labels [rows], class numbers
 * @returns [rows]
 */
export function softmaxFocal(
  b: GraphBuilder,
  logits: Value,
  labels: Value,
  gamma: number,
  classWeights?: readonly number[],
): Value {
  const chosen = chosenColumn(b, labels, logits.shape[1] as number);
  const logs = b.op('LogSoftmax', [logits], { axis: { int: 1 } });
  const others = b.sum(b.mul(b.sub(b.scalar(1), chosen), b.op('Exp', [logs])), [1]);
  const hard = b.op('Exp', [b.mul(b.op('Log', [b.add(others, b.scalar(tiny))]), b.scalar(gamma))]);
  const losses = b.mul(hard, b.neg(b.sum(b.mul(chosen, logs), [1])));
  return weighedClasses(b, losses, chosen, classWeights);
}
