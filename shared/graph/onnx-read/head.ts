import type { Plan } from '../../plan/plan.ts';
import { outputWidth } from '../families/output-width.ts';
import type { Draft } from './draft.ts';
import { OnnxError } from './onnx-error.ts';
import { type DraftNode, rowAxes, storedNumbers, type Traced } from './traced.ts';

/** What the file's output is made into. */
export interface Head {
  /** [rows, outputWidth(plan)]. */
  readonly output: Traced;
  readonly changes: readonly string[];
}

const layoutOnly = new Set(['Squeeze', 'Unsqueeze', 'Reshape', 'Flatten']);
const nodeOf = (value: Traced): DraftNode | null => (value.origin.kind === 'made' ? value.origin.node : null);

/** Numbers a row. @throws OnnxError `wrong_output` */
function widthOf(value: Traced): number {
  const [a] = value.sides;
  const [axis, ...others] = rowAxes(value);
  if (axis !== 0 || others.length > 0) {
    throw new OnnxError(
      'wrong_output',
      `the output has the shape [${a.shape.join(', ')}] for ${value.sides[0].shape[0]} rows; it must be [rows, outputs]`,
    );
  }
  return a.shape.slice(1).reduce((product, length) => product * length, 1);
}

/** The value behind nodes that only lay numbers out anew, one number a row. */
function behindLayout(value: Traced): Traced {
  let found = value;
  for (let node = nodeOf(found); node !== null && layoutOnly.has(node.operator); node = nodeOf(found)) {
    const [input] = node.inputs;
    if (input === undefined || rowAxes(input).join() !== '0') break;
    found = input;
  }
  return found;
}

/** Logits of probabilities, where the network ends in such; null where it does not. */
function behindProbabilities(value: Traced, plan: Plan): { readonly logits: Traced; readonly change: string } | null {
  const { kind } = plan.task;
  const found = behindLayout(value);
  const node = nodeOf(found);
  const [input] = node?.inputs ?? [];
  if (node === null || input === undefined) return null;
  if ((node.operator === 'Softmax' || node.operator === 'LogSoftmax') && (kind === 'binary' || kind === 'multiclass')) {
    const axis = node.attributes.axis;
    const own = axis !== undefined && 'int' in axis ? axis.int : -1;
    const rank = input.sides[0].shape.length;
    if ((own < 0 ? own + rank : own) !== rank - 1) return null;
    return { logits: input, change: `the final ${node.operator} is left out: the loss takes logits` };
  }
  if (node.operator === 'Sigmoid' && (kind === 'binary' || kind === 'ordinal')) {
    return { logits: input, change: 'the final Sigmoid is left out: the loss takes logits' };
  }
  if (node.operator === 'Concat' && kind === 'binary' && node.inputs.length === 2) {
    // [1 - p, p], as skl2onnx ends a multilayer perceptron.
    const [complement, p] = node.inputs as [Traced, Traced];
    const sub = nodeOf(complement);
    const sigmoid = nodeOf(p);
    const isComplement = sub?.operator === 'Sub' && sub.inputs[1] === p && storedNumbers(sub.inputs[0])?.[0] === 1;
    const [z] = sigmoid?.inputs ?? [];
    if (isComplement && sigmoid?.operator === 'Sigmoid' && z !== undefined) {
      return { logits: z, change: 'the final probabilities 1 - p and p are left out: the loss takes the logit of p' };
    }
  }
  return null;
}

/** Proportional odds on a score: K - 1 thresholds that cannot cross, as those of Wardround's own families. */
function ordinalHead(draft: Draft, score: Traced, boundaries: number): Traced {
  const start = (-(boundaries - 1) * Math.LN2) / 2;
  const first = draft.stored('ordinal.threshold', [1], Float32Array.of(start === 0 ? 0 : start));
  const lowest = draft.op('Unsqueeze', [first, draft.integers([0])]);
  if (boundaries === 1) return draft.op('Sub', [score, lowest]);
  const gaps = draft.stored('ordinal.gap', [boundaries - 1], new Float32Array(boundaries - 1));
  const steps = draft.op('Unsqueeze', [draft.op('Softplus', [gaps]), draft.integers([0])]);
  const sums = Array.from({ length: (boundaries - 1) * boundaries }, (_, at) =>
    Math.floor(at / boundaries) < at % boundaries ? 1 : 0,
  );
  const rising = draft.op('MatMul', [steps, draft.known('float', [boundaries - 1, boundaries], sums)]);
  return draft.op('Sub', [score, draft.op('Add', [lowest, rising])]);
}

/**
 * Fits the file's output to the task: probabilities become logits, two classes one logit, a single axis two.
 * @throws OnnxError `wrong_output`
 */
export function fitHead(draft: Draft, value: Traced, plan: Plan): Head {
  const changes: string[] = [];
  const { kind } = plan.task;
  if (value.type !== 'float') {
    throw new OnnxError('wrong_output', `the output is of ${value.type}; it must be the logits or predictions, floats`);
  }
  const probabilities = behindProbabilities(value, plan);
  const logits = probabilities?.logits ?? value;
  if (probabilities !== null) changes.push(probabilities.change);
  const wanted = outputWidth(plan);
  const width = widthOf(logits);
  if (probabilities?.change.includes('Sigmoid') === true && width > 1) {
    throw new OnnxError('wrong_output', `the network ends in ${width} sigmoids; ${width} classes need one softmax`);
  }
  const laidOut = (columns: number): Traced =>
    logits.sides[0].shape.length === 2 ? logits : draft.op('Reshape', [logits, draft.integers([0, columns])]);
  if (kind === 'ordinal' && width === 1) {
    changes.push('thresholds between the grades are added: the network gives one score');
    return { output: ordinalHead(draft, laidOut(1), wanted), changes };
  }
  if (kind === 'binary' && width === 2) {
    changes.push('the logit is the second output less the first: a binary task has one');
    const difference = draft.known('float', [2, 1], [-1, 1]);
    return { output: draft.op('MatMul', [laidOut(2), difference]), changes };
  }
  if (width !== wanted || kind === 'ordinal') {
    const what = kind === 'ordinal' ? '1 (a score; the thresholds are added)' : String(wanted);
    throw new OnnxError(
      'wrong_output',
      `the network puts out ${width} numbers a row; a ${kind} task of this plan needs ${what}`,
      { outputs: width, wanted },
    );
  }
  return { output: laidOut(wanted), changes };
}
