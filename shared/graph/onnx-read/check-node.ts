import type { NetworkNode } from '../../plan/network.ts';
import { type Attributes, type ElementType, shapeText } from '../graph.ts';
import { einsumTerms } from '../operators/einsum-terms.ts';
import { floatAttribute, intAttribute, stringAttribute } from '../operators.ts';
import type { OnnxLimits } from './limits.ts';

/** An input of a node, as far as it is known before anything is built. */
export interface NodeInput {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Numbers it holds, where it is a constant. */
  readonly numbers: readonly number[] | null;
  /** Whether these numbers grow with the rows. */
  readonly growing: boolean;
  /** What it is when it is a parameter. */
  readonly role: 'weight' | 'bias' | 'buffer' | null;
}

export interface NodeProblem {
  readonly code: 'rows_mixed' | 'over_limit' | 'unsupported_form';
  readonly message: string;
}

/** The input that a number of rows may be given to: it decides how long the result is, and nothing of what is in it. */
const lengthInputs: Readonly<Record<string, number>> = { Expand: 1, Reshape: 1 };

const form = (message: string): NodeProblem => ({ code: 'unsupported_form', message });

/** The number of rows of a batch is as much a matter of other patients as their values are. */
function countProblem({ operator }: NetworkNode, inputs: readonly NodeInput[]): NodeProblem | null {
  const place = inputs.findIndex(({ growing }) => growing);
  if (place < 0 || lengthInputs[operator] === place) return null;
  const message = `computes with the number of rows, so that a prediction would depend on how many patients are in the batch`;
  return { code: 'rows_mixed', message };
}

/** The smallest integer by -1 has no integer result, and processors end the program that asks for it; runtimes catch only the division by 0. */
export function mayEndProcess(
  operator: string,
  divisor: { readonly type: ElementType; readonly numbers: Iterable<number | bigint> | null } | undefined,
): boolean {
  if ((operator !== 'Div' && operator !== 'Mod') || (divisor?.type !== 'int64' && divisor?.type !== 'int32'))
    return false;
  const { numbers } = divisor;
  if (numbers === null) return true;
  const known = ending.get(numbers) ?? holdsEnding(numbers);
  ending.set(numbers, known);
  return known;
}

/** Whether a list of divisors holds 0 or -1: one list of millions may be the divisor of every node, and is looked through once. */
const ending = new WeakMap<Iterable<number | bigint>, boolean>();

function holdsEnding(numbers: Iterable<number | bigint>): boolean {
  for (const number of numbers) if (Number(number) === 0 || Number(number) === -1) return true;
  return false;
}

function divisionProblem({ operator }: NetworkNode, inputs: readonly NodeInput[]): NodeProblem | null {
  if (!mayEndProcess(operator, inputs[1])) return null;
  return form('divides integers by what is not a constant, or by 0 or -1; divide floats, or by a constant');
}

const orElements =
  'write it as ScatterElements (torch.scatter, scatter_add, scatter_reduce), which does one update after the other, or give constant places that all differ';

/**
 * onnxruntime 1.30 carries the updates of ScatterND out side by side, with every reduction and without one: of several to one place some are
 * lost, others each time (20,000 updates of 256 numbers to three places on two threads).
 */
function scatterProblem({ operator }: NetworkNode, [data, indices]: readonly NodeInput[]): NodeProblem | null {
  if (operator !== 'ScatterND' || data === undefined || indices === undefined) return null;
  const { numbers, shape } = indices;
  if (numbers === null)
    return form(`writes to places that only show when it runs, and may be one twice; ${orElements}`);
  const known = repeating.get(numbers) ?? new Map<string, boolean>();
  repeating.set(numbers, known);
  const key = `${data.shape.join()} ${shape.join()}`;
  const twice = known.get(key) ?? takesOneTwice(numbers, shape, data.shape);
  known.set(key, twice);
  return twice ? form(`writes to one place twice, of which threads lose a part; ${orElements}`) : null;
}

/** By the list of places and the two shapes, whether one is there twice: one list may be that of every node. */
const repeating = new WeakMap<readonly number[], Map<string, boolean>>();

function takesOneTwice(numbers: readonly number[], shape: readonly number[], of: readonly number[]): boolean {
  const depth = shape.at(-1) ?? 0;
  const updates = shape.slice(0, -1).reduce((product, length) => product * length, 1);
  const taken = new Set<number>();
  for (let update = 0; update < updates; update++) {
    let place = 0;
    for (let axis = 0; axis < depth; axis++) {
      const length = of[axis] ?? 1;
      const index = numbers[update * depth + axis] ?? 0;
      place = place * length + (index < 0 ? index + length : index);
    }
    if (taken.has(place)) return true;
    taken.add(place);
  }
  return false;
}

/** Outputs that are made in training alone, or differ between runtimes, are nobody's input. */
function outputsProblem({ operator, outputs }: NetworkNode): NodeProblem | null {
  const one = operator === 'BatchNormalization' || operator === 'Dropout' || operator === 'MaxPool';
  return one && outputs.length > 1 ? form('has more than one output; only the first can be used') : null;
}

/** With one row in the batch an axis of rows would be taken for one to squeeze. */
function axesProblem({ operator, inputs }: NetworkNode): NodeProblem | null {
  return operator === 'Squeeze' && inputs.length < 2 ? form('does not name its axes') : null;
}

/** Running statistics are what nothing else moves: a tensor that trains would be written by two. */
function statisticsProblem(
  { operator }: NetworkNode,
  inputs: readonly NodeInput[],
  attributes: Attributes,
): NodeProblem | null {
  if (operator !== 'BatchNormalization') return null;
  const momentum = floatAttribute(attributes, 'momentum', 0.9);
  if (!(momentum >= 0 && momentum <= 1)) return form(`has the momentum ${momentum}, which is no share`);
  if (intAttribute(attributes, 'training_mode', 0) !== 1) return null;
  const other = inputs.slice(3).find(({ role }) => role !== 'buffer');
  return other === undefined ? null : form(`would write its running statistics into ${other.name}, which is no buffer`);
}

/** Products of three and more are made two at a time, in an order that is the runtime's: none may be larger than all axes together. */
function productProblem(
  { operator }: NetworkNode,
  inputs: readonly NodeInput[],
  attributes: Attributes,
  limits: OnnxLimits,
): NodeProblem | null {
  if (operator !== 'Einsum' || inputs.length < 3) return null;
  const shapes = inputs.map(({ shape }) => shape);
  const { lengths } = einsumTerms(stringAttribute(attributes, 'equation', ''), shapes);
  const size = [...lengths.values()].reduce<number>((product, length) => product * Number(length), 1);
  if (size <= limits.elements * 16) return null;
  return {
    code: 'over_limit',
    message: `multiplies ${shapes.map(shapeText).join(', ')} at once, which may take ${size} values between; multiply two at a time`,
  };
}

/** What one node of a plan's network may not do, although its shapes fit. Its inputs have been inferred by shape before. */
export function nodeProblem(node: NetworkNode, inputs: readonly NodeInput[], limits: OnnxLimits): NodeProblem | null {
  const attributes = node.attributes ?? {};
  return (
    countProblem(node, inputs) ??
    divisionProblem(node, inputs) ??
    scatterProblem(node, inputs) ??
    outputsProblem(node) ??
    axesProblem(node) ??
    statisticsProblem(node, inputs, attributes) ??
    productProblem(node, inputs, attributes, limits)
  );
}
