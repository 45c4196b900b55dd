import { intOf, plainAttributes, textOf } from './file-attributes.ts';
import { type FormUse, givenInput, unsupportedForm } from './form-use.ts';
import type { Traced } from './traced.ts';

/** What the activations of each operator are when none are named. */
const usual: Readonly<Record<string, string>> = { GRU: 'sigmoid,tanh', LSTM: 'sigmoid,tanh,tanh' };

function isZero(value: Traced): boolean {
  return value.sides.every(({ known }) => known?.values.every((one) => one === 0) ?? false);
}

/**
 * GRU and LSTM with the usual activations, of series of one length; rows as the second axis (layout 0). They are kept as one node
 * and written out step by step where a graph is built.
 */
export function recurrentForm(use: FormUse): readonly Traced[] {
  const { draft, node, inputs } = use;
  const { operator } = node;
  const hidden = intOf(node, 'hidden_size', 0);
  const gates = operator === 'GRU' ? 3 : 4;
  const directions = textOf(node, 'direction', 'forward') === 'bidirectional' ? 2 : 1;
  if (inputs[4] != null) {
    const lengths = inputs[4].sides[0].known?.values;
    const steps = givenInput(use, 0).sides[0].shape[intOf(node, 'layout', 0) === 0 ? 0 : 1];
    if (lengths === undefined || !lengths.every((length) => length === steps)) {
      throw unsupportedForm(use, 'series of different lengths (sequence_lens) are not supported; pad them');
    }
  }
  if (inputs[7] != null) throw unsupportedForm(use, 'peepholes are not supported');
  const activations = node.attributes.get('activations');
  if (activations !== undefined && 'strings' in activations) {
    const named = activations.strings.map((name) => name.toLowerCase());
    const expected = usual[operator]?.split(',') ?? [];
    if (named.some((name, at) => name !== expected[at % expected.length])) {
      throw unsupportedForm(use, `activations ${named.join(', ')} are not supported; the usual ones are`);
    }
  }
  for (const name of ['clip', 'input_forget', 'activation_alpha', 'activation_beta']) {
    const attribute = node.attributes.get(name);
    const idle = attribute === undefined || ('int' in attribute && attribute.int === 0n);
    if (!idle) throw unsupportedForm(use, `the attribute ${name} is not supported`);
  }
  const batchFirst = intOf(node, 'layout', 0) === 1;
  const turned = (value: Traced, order: readonly number[]): Traced =>
    batchFirst ? draft.op('Transpose', [value], { perm: { ints: [...order] } }) : value;
  const x = turned(givenInput(use, 0), [1, 0, 2]);
  const states = [inputs[5], operator === 'LSTM' ? inputs[6] : null].map((state) =>
    state == null || isZero(state) ? null : turned(state, [1, 0, 2]),
  );
  const [hiddenState, cellState] = states;
  const list = [x, givenInput(use, 1), givenInput(use, 2)];
  const width = 2 * gates * hidden;
  const some = hiddenState != null || cellState != null;
  if (inputs[3] != null) list.push(inputs[3]);
  else if (some) list.push(draft.known('float', [directions, width], new Float32Array(directions * width)));
  if (some) {
    const zeros = (): Traced => draft.known('float', [directions, 1, hidden], new Float32Array(directions * hidden));
    list.push(hiddenState ?? zeros());
    if (operator === 'LSTM') list.push(cellState ?? zeros());
  }
  const attributes = plainAttributes(node, [
    'layout',
    'activations',
    'activation_alpha',
    'activation_beta',
    'input_forget',
    'clip',
  ]);
  const outputs = draft.ops(operator, list, attributes, operator === 'GRU' ? 2 : 3);
  return outputs.map((output, index) => turned(output, index === 0 ? [2, 0, 1, 3] : [1, 0, 2]));
}
