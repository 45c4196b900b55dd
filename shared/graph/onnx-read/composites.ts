import type { Attributes, ElementType, Value } from '../graph.ts';
import { shapeText } from '../graph.ts';
import { GraphError } from '../graph-error.ts';
import { intAttribute, stringAttribute } from '../operators.ts';

/** Most steps of all recurrent operators of a network together, each direction by itself: written out, hundreds take runtimes minutes to prepare. */
export const mostSteps = 512;

/** Gates of the recurrent operators that are written out step by step when a graph is built. */
const gates: Readonly<Record<string, number>> = { GRU: 3, LSTM: 4 };

export const isRecurrent = (operator: string): boolean => Object.hasOwn(gates, operator);

export function directionsOf(attributes: Attributes): readonly ('forward' | 'reverse')[] {
  const direction = stringAttribute(attributes, 'direction', 'forward');
  if (direction === 'forward' || direction === 'reverse') return [direction];
  if (direction === 'bidirectional') return ['forward', 'reverse'];
  throw new GraphError('shape_mismatch', `there is no direction ${JSON.stringify(direction)}`);
}

/**
 * Types and shapes of the outputs of GRU and LSTM: Y [steps, directions, rows, hidden], Y_h [directions, rows, hidden], and for
 * LSTM Y_c like Y_h. Inputs: X [steps, rows, inputs], W, R, then B and the initial states where given. Null for other operators.
 * @throws GraphError `shape_mismatch`
 */
export function compositeOutputs(
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
  count: number,
): { readonly type: ElementType; readonly shape: Value['shape'] }[] | null {
  const gateCount = isRecurrent(operator) ? gates[operator] : undefined;
  if (gateCount === undefined) return null;
  const [x, weight, recurrence, bias, ...states] = inputs;
  const hidden = intAttribute(attributes, 'hidden_size', 0);
  const directions = directionsOf(attributes).length;
  const [steps, rows, width] = x?.shape ?? [];
  const expected: readonly (readonly [string, Value | undefined, readonly (number | string | undefined)[]])[] = [
    ['W', weight, [directions, gateCount * hidden, width]],
    ['R', recurrence, [directions, gateCount * hidden, hidden]],
    ...(bias === undefined ? [] : [['B', bias, [directions, 2 * gateCount * hidden]] as const]),
    ...states.map((state, index) => [`initial state ${index + 1}`, state, [directions, rows, hidden]] as const),
  ];
  if (x?.shape.length !== 3 || x.type !== 'float' || steps === undefined || rows === undefined) {
    throw new GraphError('shape_mismatch', `${operator} takes floats of [steps, rows, inputs]`);
  }
  if (typeof steps !== 'number' || steps < 1 || steps > mostSteps) {
    throw new GraphError('shape_mismatch', `${operator} is written out for 1 to ${mostSteps} steps, not ${steps}`);
  }
  if (hidden < 1 || count > gateCount - 1 || inputs.length > gateCount + 2) {
    throw new GraphError('shape_mismatch', `${operator} has a hidden_size of ${hidden} and ${inputs.length} inputs`);
  }
  for (const [name, value, shape] of expected) {
    const fits = shape.every((length, axis) => value?.shape[axis] === length || (axis === 1 && value?.shape[1] === 1));
    if (value === undefined || value.type !== 'float' || value.shape.length !== shape.length || !fits) {
      throw new GraphError(
        'shape_mismatch',
        `${name} of ${operator} is ${shapeText(value?.shape ?? [])}, not [${shape.join(', ')}]`,
      );
    }
  }
  const all = { type: 'float' as const, shape: [steps, directions, rows, hidden] };
  const last = { type: 'float' as const, shape: [directions, rows, hidden] };
  return [all, last, last].slice(0, count);
}
