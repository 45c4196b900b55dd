import type { Attributes, Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { GraphError } from '../graph-error.ts';
import { intAttribute } from '../operators.ts';
import { directionsOf } from './composites.ts';

interface Direction {
  /** X Wᵀ and the biases that are added outside of any gate, [steps, rows, gates · hidden]. */
  readonly projected: Value;
  /** Rᵀ [hidden, gates · hidden]. */
  readonly recurrence: Value;
  /** Recurrent bias of GRU's candidate, [hidden]; null where there is none, or it is in `projected` already. */
  readonly inner: Value | null;
  readonly start: readonly (Value | null)[];
}

const from = (builder: GraphBuilder, value: Value, axis: number, begin: number, end: number): Value =>
  builder.op('Slice', [
    value,
    builder.integers('starts', [begin]),
    builder.integers('ends', [end]),
    builder.integers('axes', [axis]),
  ]);

function prepare(
  builder: GraphBuilder,
  inputs: readonly Value[],
  use: { readonly at: number; readonly gates: number; readonly hidden: number; readonly innerBias: boolean },
): Direction {
  const [x, weight, recurrence, bias, ...states] = inputs as [Value, Value, Value, ...(Value | undefined)[]];
  const { at, gates, hidden, innerBias } = use;
  const width = gates * hidden;
  const own = (value: Value): Value => builder.squeeze(from(builder, value, 0, at, at + 1), 0);
  const transposed = (value: Value): Value => builder.op('Transpose', [own(value)], { perm: { ints: [1, 0] } });
  let projected = builder.op('MatMul', [x, transposed(weight)]);
  let inner: Value | null = null;
  if (bias !== undefined) {
    const both = own(bias);
    const outside = innerBias ? (gates - 1) * hidden : width;
    projected = builder.add(projected, from(builder, both, 0, 0, width));
    const recurrent = from(builder, both, 0, width, 2 * width);
    if (innerBias) {
      inner = from(builder, recurrent, 0, outside, width);
      const rest = from(builder, recurrent, 0, 0, outside);
      const zeros = builder.constant('zeros', [hidden], new Float32Array(hidden));
      projected = builder.add(projected, builder.op('Concat', [rest, zeros], { axis: { int: 0 } }));
    } else projected = builder.add(projected, recurrent);
  }
  return {
    projected,
    recurrence: transposed(recurrence),
    inner,
    start: states.map((state) => (state === undefined ? null : own(state))),
  };
}

/** One step of GRU, gates in the order z, r, h (ONNX operator GRU, set 14). `state` null stands for zeros. */
function gruStep(
  builder: GraphBuilder,
  { recurrence, inner }: Direction,
  projected: Value,
  state: Value | null,
  use: { readonly hidden: number; readonly linearBeforeReset: boolean },
): Value {
  const { hidden, linearBeforeReset } = use;
  const gate = (value: Value, index: number, count = 1): Value =>
    from(builder, value, 1, index * hidden, (index + count) * hidden);
  const candidateOfX = gate(projected, 2);
  let gatesOfX = gate(projected, 0, 2);
  let carried: Value | null = inner;
  if (state !== null) {
    const product = linearBeforeReset
      ? builder.op('MatMul', [state, recurrence])
      : builder.op('MatMul', [state, from(builder, recurrence, 1, 0, 2 * hidden)]);
    gatesOfX = builder.add(gatesOfX, gate(product, 0, 2));
    if (linearBeforeReset) carried = inner === null ? gate(product, 2) : builder.add(gate(product, 2), inner);
  }
  const gates = builder.op('Sigmoid', [gatesOfX]);
  const update = gate(gates, 0);
  const reset = gate(gates, 1);
  let candidate = candidateOfX;
  if (linearBeforeReset) {
    if (carried !== null) candidate = builder.add(candidate, builder.mul(reset, carried));
  } else if (state !== null) {
    const last = from(builder, recurrence, 1, 2 * hidden, 3 * hidden);
    candidate = builder.add(candidate, builder.op('MatMul', [builder.mul(reset, state), last]));
  }
  const fresh = builder.op('Tanh', [candidate]);
  // (1 - z) h + z H, with one product less.
  if (state === null) return builder.sub(fresh, builder.mul(update, fresh));
  return builder.add(fresh, builder.mul(update, builder.sub(state, fresh)));
}

/** One step of LSTM, gates in the order i, o, f, c (ONNX operator LSTM, set 14), without peepholes. */
function lstmStep(
  builder: GraphBuilder,
  { recurrence }: Direction,
  projected: Value,
  state: Value | null,
  cell: Value | null,
  hidden: number,
): { readonly state: Value; readonly cell: Value } {
  const all = state === null ? projected : builder.add(projected, builder.op('MatMul', [state, recurrence]));
  const gates = builder.op('Sigmoid', [from(builder, all, 1, 0, 3 * hidden)]);
  const gate = (index: number): Value => from(builder, gates, 1, index * hidden, (index + 1) * hidden);
  const fresh = builder.mul(gate(0), builder.op('Tanh', [from(builder, all, 1, 3 * hidden, 4 * hidden)]));
  const next = cell === null ? fresh : builder.add(builder.mul(gate(2), cell), fresh);
  return { state: builder.mul(gate(1), builder.op('Tanh', [next])), cell: next };
}

/**
 * Writes GRU or LSTM out step by step.
 * @param inputs X [steps, rows, inputs], W, R, then B and the initial states where given
 * @returns as the operator: Y [steps, directions, rows, hidden], Y_h and, for LSTM, Y_c [directions, rows, hidden]
 */
export function unrolled(
  builder: GraphBuilder,
  operator: string,
  inputs: readonly Value[],
  attributes: Attributes,
): Value[] {
  const hidden = intAttribute(attributes, 'hidden_size', 0);
  const linearBeforeReset = intAttribute(attributes, 'linear_before_reset', 0) === 1;
  const steps = inputs[0]?.shape[0];
  if (typeof steps !== 'number') throw new GraphError('shape_mismatch', `${operator} needs a known number of steps`);
  const everyStep: Value[][] = [];
  const lastStates: Value[] = [];
  const lastCells: Value[] = [];
  for (const [at, direction] of directionsOf(attributes).entries()) {
    const gates = operator === 'GRU' ? 3 : 4;
    const prepared = prepare(builder, inputs, {
      at,
      gates,
      hidden,
      innerBias: operator === 'GRU' && linearBeforeReset,
    });
    let state = prepared.start[0] ?? null;
    let cell = prepared.start[1] ?? null;
    const made = new Array<Value>(steps);
    for (let step = 0; step < steps; step++) {
      const place = direction === 'forward' ? step : steps - 1 - step;
      const projected = builder.squeeze(from(builder, prepared.projected, 0, place, place + 1), 0);
      if (operator === 'GRU') state = gruStep(builder, prepared, projected, state, { hidden, linearBeforeReset });
      else ({ state, cell } = lstmStep(builder, prepared, projected, state, cell, hidden));
      made[place] = state;
    }
    everyStep.push(made);
    lastStates.push(state as Value);
    if (cell !== null) lastCells.push(cell);
  }
  const stacked = (values: readonly Value[], axis: number): Value => {
    const parts = values.map((value) => builder.unsqueeze(value, axis));
    return parts.length === 1 ? (parts[0] as Value) : builder.op('Concat', parts, { axis: { int: axis } });
  };
  const all = stacked(
    Array.from({ length: steps }, (_, step) =>
      stacked(
        everyStep.map((made) => made[step] as Value),
        0,
      ),
    ),
    0,
  );
  const outputs = [all, stacked(lastStates, 0)];
  return operator === 'LSTM' ? [...outputs, stacked(lastCells, 0)] : outputs;
}
